"""Core ML: the runner for a Mac, and an interpreter that executes packages anywhere."""
