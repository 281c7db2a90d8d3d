"""This machine while exporting: child processes, threads, a journal of trials, its fingerprint."""
