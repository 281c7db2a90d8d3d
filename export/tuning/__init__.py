"""Which lowering a target gets: by table, or by trials on this machine."""
