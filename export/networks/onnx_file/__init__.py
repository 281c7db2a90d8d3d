"""Any network as an ONNX file: looked at and fixed to a tile in processes of their own, since files are strangers'."""
