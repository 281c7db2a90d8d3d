"""What every runner is and does, whatever the backend: the contract, ports, tiles."""
