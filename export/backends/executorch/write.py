"""ExecuTorch's file: `.pte`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from export.backends.backend import Order
from export.backends.executorch.lower import lower
from export.targets.outputs import Written, make_place


def write(order: Order) -> Written:
    """`executorch/<file>.pte`, without metadata inside."""
    path = make_place(order.folder, f"executorch/{order.file}.pte")
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "graph.onnx"
        source.write_bytes(order.graph.data)
        lower(source, order.folder / path)
    return Written(path, (path,))
