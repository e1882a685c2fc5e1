"""Published measurements, and what the models say to them.

A suite is a module with `run(path) -> Report`; `suites.py` lists them by name.
"""

from .report import Case, Report
from .suites import names, run

__all__ = ["Case", "Report", "names", "run"]
