"""The exact passes, by the part of the network that they rewrite."""
