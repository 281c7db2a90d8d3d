"""TensorRT and TensorRT-RTX: their engines; NumPy is all that is needed until an engine is really built or run."""

from runtimes.backends.interface.engines import Engine

TENSORRT = Engine("tensorrt", "tensorrt", "", "it comes with JetPack, or from NVIDIA's own package index")
TENSORRT_RTX = Engine("tensorrt-rtx", "tensorrt_rtx", "tensorrt-rtx")

LIBRARIES = {engine.module: engine for engine in (TENSORRT, TENSORRT_RTX)}
"""By the package that builds and runs; the one to prefer first."""

REFERENCE = "tensorrt-reference"
"""The device name of the files computed on a CPU: asked for as such, and written into every record."""

REFERENCE_FP16_SCALES = f"{REFERENCE}-fp16-scales"
"""The same of an int8 artifact's second file."""
