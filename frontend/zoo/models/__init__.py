"""The built ONNX files. `python -m chiploom.frontend.zoo.build` writes them."""
