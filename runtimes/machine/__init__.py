"""This machine while running: processor, clock, names of exits."""
