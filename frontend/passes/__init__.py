"""The passes of the import, in the order of `frontend.onnx_import.normalised`."""
