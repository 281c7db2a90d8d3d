"""A training configuration: its tables as frozen objects, and how they are read."""
