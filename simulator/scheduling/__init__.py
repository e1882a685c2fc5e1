"""Which layer runs on which sub-accelerator, and when."""
