"""Studies whose results are committed. They may import everything; nothing imports them."""
