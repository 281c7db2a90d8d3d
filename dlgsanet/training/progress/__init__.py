"""What a run tells and writes while it goes on: progress, log, validation."""
