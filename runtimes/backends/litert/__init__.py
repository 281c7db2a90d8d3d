"""LiteRT (TensorFlow Lite): its engine; beside it the entry, interpreter, layers, runner and probe."""

from runtimes.backends.interface.engines import Engine

ENGINE = Engine("litert", "ai_edge_litert", "litert")
