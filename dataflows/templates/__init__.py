"""Dataflow templates, as YAML data."""
