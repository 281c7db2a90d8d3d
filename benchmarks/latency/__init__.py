"""The latency of artifacts and peers: plan, interleaved rounds, roofline."""
