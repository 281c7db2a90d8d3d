"""Studies of the verb `upscale`: what it costs beside its engine, and how soon it begins."""
