"""ExecuTorch's file: `.pte`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dlgsanet.errors import InputError
from export.backends.backend import Order
from export.backends.executorch.lower import lower
from export.targets.outputs import Written, make_place
from runtimes.backends.executorch.coreml_reference import require_whole


def write(order: Order) -> Written:
    """`executorch/<file>.pte` for XNNPACK, without metadata inside."""
    return _write(order, "")


def write_coreml(order: Order) -> Written:
    """The same for Core ML. Raises InputError, naming them, where its delegate leaves operators: none is to compute
    elsewhere than it is said."""
    written = _write(order, order.target.deployment)
    try:
        require_whole((order.folder / written.path).read_bytes())
    except ValueError as error:
        raise InputError(
            f"{order.name}: {error}: export the network with --to coreml, or leave executorch-coreml out of --to"
        ) from error
    return written


def _write(order: Order, apple: str) -> Written:
    path = make_place(order.folder, f"executorch/{order.file}.pte")
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "graph.onnx"
        source.write_bytes(order.graph.data)
        lower(source, order.folder / path, apple)
    return Written(path, (path,))
