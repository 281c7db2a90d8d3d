"""A bundle on disk: what was asked for, what is planned, each artifact, the parity pack and the card."""
