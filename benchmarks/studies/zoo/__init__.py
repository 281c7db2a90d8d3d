"""Other people's architectures through every target."""
