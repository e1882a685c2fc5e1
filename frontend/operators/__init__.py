"""The lowering rules, one module per family of operators.

Importing a module registers its rules with `frontend.lowering`; `load_rules` imports all of them.
"""

from __future__ import annotations

import importlib
import pkgutil


def load_rules() -> None:
    """Register every rule of this package. Calling it again changes nothing."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
