"""What a tile costs: its size, its overlap, and the shape that suits a frame."""
