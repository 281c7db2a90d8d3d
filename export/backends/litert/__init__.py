"""LiteRT (TensorFlow Lite): `.tflite` files, written from the graph by LiteRT's own schema."""
