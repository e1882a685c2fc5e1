"""FPGA devices, as YAML."""
