"""The error that users of the frontend see."""

from __future__ import annotations


class InputError(Exception):
    """What the user gave cannot be used.

    The message says where, what was expected, what was found and what to do.
    """
