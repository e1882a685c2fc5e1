"""Whole networks executed on data: the proof that layers and mappings compute the network."""

from .errors import NotExecutableError, WiringError
from .network import execute_layers, execute_network

__all__ = ["NotExecutableError", "WiringError", "execute_layers", "execute_network"]
