"""What was measured, as typed records: result files and their parts."""
