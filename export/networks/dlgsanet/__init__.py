"""DLGSANet, the network that is rewritten, trained and shipped."""
