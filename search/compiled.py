"""Loops that Numba compiles when they are first called, and keeps for later processes if it can.

Where Numba keeps compiled code (beside the source, or in the user's cache folder) is neither ours
nor needed: a folder that cannot be written and a damaged file there cost the time to compile anew,
some seconds a process, and nothing else.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numba as nb
from numba.core.caching import FunctionCache

Function = TypeVar("Function", bound=Callable[..., Any])

#: What reading a damaged file of Numba's raises: it unpickles what it finds, and links it.
_DAMAGED = (
    OSError, EOFError, pickle.PickleError, ValueError, TypeError, KeyError, IndexError,
    AttributeError, ImportError, MemoryError, OverflowError, RuntimeError,
)  # fmt: skip


_Base: Any = FunctionCache  # which has no types


class _Cache(_Base):  # type: ignore[misc]
    """Numba's own, of which no failure matters."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except _DAMAGED:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError:  # no room, no permission
            return
        except _DAMAGED:  # an index that cannot be read
            with suppress(OSError):
                self.flush()
                super().save_overload(sig, data)


def compiled(*, parallel: bool = False) -> Callable[[Function], Function]:
    """`numba.njit` for a function of plain numbers and arrays.

    Args:
        parallel: iterations of its `prange` run on threads.
    """

    def wrap(function: Function) -> Function:
        dispatcher: Any = nb.njit(parallel=parallel)(function)
        with suppress(OSError, RuntimeError):  # no folder that Numba knows of can be written
            cache: Any = _Cache
            dispatcher._cache = cache(function)
        found: Function = dispatcher
        return found

    return wrap
