"""What a backend is made of, ours or another package's: its entry, its engine, and how packages name theirs."""
