"""Faults planted into real artifacts, and whether the gates of `check` see them: `python -m
benchmarks.studies.planted_faults`. A gate that was never seen to fail proves nothing."""
