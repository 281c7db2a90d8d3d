"""Core ML: its engine; beside it the entry, runner, interpreter (`reference`), cards of packages and probe."""

from runtimes.backends.interface.engines import Engine

ENGINE = Engine("coreml", "coremltools", "coreml")

REFERENCE = "coreml-reference"
"""The device name of the interpreter: asked for as such, and written into every record."""
