"""The network as an ONNX graph: traced, built operator by operator, its blocks named, its work counted."""
