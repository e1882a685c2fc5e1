"""What a simulation cannot answer."""

from __future__ import annotations


class NoMappingError(Exception):
    """No legal mapping exists; the message says which memory is too small, and by how much."""


class InfeasibleError(Exception):
    """No schedule meets the bound or the deadlines.

    Attributes:
        asked: latency bound, cycles.
        least: the shortest makespan proven possible or, where unproven, the best lower bound.
        limit: what keeps it from being shorter, in words.
    """

    def __init__(self, message: str, asked: float, least: float, limit: str) -> None:
        super().__init__(message)
        self.asked, self.least, self.limit = asked, least, limit


class DoesNotFitError(Exception):
    """A design takes more than its FPGA has, or a clock that it cannot reach; the message names
    each resource and by how much."""


class OutOfTimeError(Exception):
    """No schedule was found in time, and none was proven not to exist."""
