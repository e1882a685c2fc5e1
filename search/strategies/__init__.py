"""Search strategies: how the next choices are proposed."""
