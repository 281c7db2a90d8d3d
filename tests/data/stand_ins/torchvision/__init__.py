"""Stands in for torchvision in tests, where spandrel imports three of its names and calls none (tests/conftest.py)."""
