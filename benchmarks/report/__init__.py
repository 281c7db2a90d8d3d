"""Results shown: one HTML page, and tables for a terminal."""
