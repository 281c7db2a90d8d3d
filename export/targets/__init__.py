"""What can be exported: the table of targets, what a user may ask for, and how it is shown."""
