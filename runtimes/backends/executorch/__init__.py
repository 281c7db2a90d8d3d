"""ExecuTorch: its engine; beside it the entry, the engine's own module, the reader of its files, probe and runner."""

from runtimes.backends.interface.engines import Engine

ENGINE = Engine("executorch", "executorch", "executorch")
COREML = Engine("executorch-coreml", "executorch", "executorch")
"""The same programs with Apple's delegate in them, for apps."""

VULKAN = Engine("executorch-vulkan", "executorch", "executorch")
"""The same programs with the delegate for Vulkan in them, for apps on Android."""
