"""The error for pictures that may be whole, and are not read all the same."""

from __future__ import annotations


class NotReadError(ValueError):
    """A kind of picture that is not read; the text says which, and what to do."""
