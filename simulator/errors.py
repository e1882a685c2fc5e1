"""What a simulation cannot answer."""

from __future__ import annotations


class NoMappingError(Exception):
    """No legal mapping exists; the message says which memory is too small, and by how much."""
