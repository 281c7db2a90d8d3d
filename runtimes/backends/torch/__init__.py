"""PyTorch, in which the reference network computes; no artifacts are its own."""

from runtimes.backends.engines import Engine

ENGINE = Engine("torch", "torch", "torch")
