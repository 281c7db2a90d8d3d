"""Other people's networks beside ours: converted, timed and scored in one run."""
