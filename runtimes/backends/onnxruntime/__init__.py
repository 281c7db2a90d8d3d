"""ONNX Runtime: its engine; beside it the entry, runner, session, layers, devices and probe."""

from runtimes.backends.interface.engines import Engine

ENGINE = Engine("onnxruntime", "onnxruntime", "onnxruntime")
