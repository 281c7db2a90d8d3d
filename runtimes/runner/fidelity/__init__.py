"""How like its reference an artifact's output is, in what eyes see: probe tiles, and figures in levels of 255."""
