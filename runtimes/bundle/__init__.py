"""Reading a bundle: the manifest, its records, the hashes of its files."""
