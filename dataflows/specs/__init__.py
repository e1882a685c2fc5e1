"""Accelerator specs, as YAML data."""
