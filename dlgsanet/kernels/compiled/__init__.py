"""The network's operators in C for a CPU, compiled on first use."""
