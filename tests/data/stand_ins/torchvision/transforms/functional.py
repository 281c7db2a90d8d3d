"""What spandrel imports for two networks of its own that no test loads."""

InterpolationMode = normalize = rotate = None
