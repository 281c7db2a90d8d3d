"""One folder a backend: how its artifacts are run. The registry knows them all."""
