"""What to use where, from the results of many files."""
