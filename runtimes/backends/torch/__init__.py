"""PyTorch, in which the reference network computes; no artifacts are its own."""

from runtimes.backends.interface.engines import Engine

ENGINE = Engine("torch", "torch", "torch")
