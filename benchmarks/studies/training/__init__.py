"""Studies of training: how fast a step is, and which schedule learns most."""
