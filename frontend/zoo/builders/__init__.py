"""The networks of the zoo, each a function that takes nothing and returns an ONNX model."""
