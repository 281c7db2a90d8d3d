"""The torch reference behind the contract of a runner."""
