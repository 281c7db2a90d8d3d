"""One folder a backend: how its files are written. The registry knows them all."""
