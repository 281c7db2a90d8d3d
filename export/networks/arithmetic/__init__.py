"""Networks of others in wider numbers than their files have."""
