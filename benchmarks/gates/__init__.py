"""Verdicts: limits of accuracy, speed requirements, whether INT8 is worth it."""
