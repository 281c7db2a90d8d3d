"""The exporter's half: one row of the table of targets, and what writes its file."""

from export.backends.backend import Backend, Order
from export.targets.outputs import Written, make_place, stamp_json
from export.targets.row import Row


def write(order: Order) -> Written:
    """`toy/<name>.onnx`: the graph as it was made, with the stamp inside."""
    path = make_place(order.folder, f"toy/{order.name}.onnx")
    (order.folder / path).write_bytes(order.graph.stamped(stamp_json(order.stamp)))
    return Written(path, (path,))


ROW = Row("toy", "fp32", "export", ("onnx",), (), "basis", ".onnx", "ONNX, computed in NumPy", elsewhere=True)
BACKEND = Backend(name="toy", rows=(ROW,), write=write, tools=("onnx",))
