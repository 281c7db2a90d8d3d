"""Image files in, upscaled PNG files out: everything is checked before the first pixel is computed."""
