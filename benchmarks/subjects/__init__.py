"""What is measured: artifacts, peers, the reference, and the pictures they are given."""
