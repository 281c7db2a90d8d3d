"""What exports take."""
