"""ML Programs for Core ML."""
