"""What a validation found: cases, errors, rank correlation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

SCHEMA: Final = "chiploom.validation/1"


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement and what the model says.

    Attributes:
        name: of the case.
        quantity: `cycles`, `ms`, `MB`, …: unit or name, the same for cases that are compared.
        published: as measured, or as the source's own tool says.
        modelled: by this project, in the same unit.
        note: a convention that differs, empty where none does.
    """

    name: str
    quantity: str
    published: float
    modelled: float
    note: str = ""

    @property
    def error(self) -> float:
        """modelled / published - 1."""
        return self.modelled / self.published - 1 if self.published else float(self.modelled != 0)


@dataclass(frozen=True, slots=True)
class Summary:
    """Errors of the cases of one quantity.

    Attributes:
        cases: how many; exact: how many of them agree to the last digit.
        mean, median, p95, worst: absolute relative error.
        bias: median of modelled / published - 1.
        rank: Spearman's rank correlation, nan of fewer than three cases.
    """

    quantity: str
    cases: int
    exact: int
    mean: float
    median: float
    p95: float
    worst: float
    bias: float
    rank: float


@dataclass(frozen=True, slots=True)
class Report:
    """One suite's outcome.

    Attributes:
        suite, title, source: what was rerun, and where the figures were published.
        cases: all of them.
        notes: conventions, what is not covered.
    """

    suite: str
    title: str
    source: str
    cases: tuple[Case, ...]
    notes: tuple[str, ...] = ()

    def summaries(self) -> list[Summary]:
        """Errors by quantity, in the order of the cases."""
        return [
            summary(quantity, [case for case in self.cases if case.quantity == quantity])
            for quantity in dict.fromkeys(case.quantity for case in self.cases)
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "suite": self.suite,
            "title": self.title,
            "source": self.source,
            "notes": list(self.notes),
            "summary": [
                {
                    "quantity": s.quantity,
                    "cases": s.cases,
                    "exact": s.exact,
                    "mean_error": s.mean,
                    "median_error": s.median,
                    "p95_error": s.p95,
                    "worst_error": s.worst,
                    "bias": s.bias,
                    "spearman": None if np.isnan(s.rank) else s.rank,
                }
                for s in self.summaries()
            ],
            "cases": [
                {
                    "name": case.name,
                    "quantity": case.quantity,
                    "published": case.published,
                    "modelled": case.modelled,
                    "error": case.error,
                    "note": case.note,
                }
                for case in self.cases
            ],
        }


def summary(quantity: str, cases: list[Case]) -> Summary:
    """Errors of cases of one quantity. Raises ValueError where there are none."""
    if not cases:
        raise ValueError(f"{quantity}: no cases")
    signed = np.array([case.error for case in cases])
    errors = np.abs(signed)
    return Summary(
        quantity,
        len(cases),
        sum(case.modelled == case.published for case in cases),
        float(errors.mean()),
        float(np.median(errors)),
        float(np.percentile(errors, 95)),
        float(errors.max()),
        float(np.median(signed)),
        spearman([c.published for c in cases], [c.modelled for c in cases]),
    )


def spearman(one: list[float], other: list[float]) -> float:
    """Rank correlation, ties at their mean rank; nan of fewer than three or of equal values."""
    if len(one) < 3:
        return float("nan")
    a, b = _ranks(one), _ranks(other)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale else float("nan")


def _ranks(values: list[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = np.asarray(values)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: np.ndarray[Any, np.dtype[np.float64]] = (ends - (counts - 1) / 2)[inverse]
    return ranks
