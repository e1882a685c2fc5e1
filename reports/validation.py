"""What a validation found, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ..simulator.validation import Case, Report
from .grid import listing
from .text import printable

#: Cases shown of the worst.
WORST = 5


def print_report(report: Report, console: Console, shown: int = WORST) -> None:
    """Print errors by quantity, and the cases that are furthest off."""
    console.print(Text(f"{report.suite}: {report.title}", style="bold"))
    console.print(Text(f"source: {report.source}", style="dim"))
    rows = [
        (
            summary.quantity,
            str(summary.cases),
            str(summary.exact),
            percent(summary.mean),
            percent(summary.median),
            percent(summary.p95),
            percent(summary.worst),
            signed(summary.bias),
            "-" if summary.rank != summary.rank else f"{summary.rank:.4f}",
        )
        for summary in report.summaries()
    ]
    head = ("", "cases", "exact", "mean", "median", "95 %", "worst", "bias", "Spearman")
    console.print(listing(head, rows))
    furthest = sorted(report.cases, key=lambda case: -abs(case.error))[:shown]
    if any(case.error for case in furthest):
        console.print(Text("furthest off", style="bold"))
        console.print(listing(("case", "", "published", "modelled", "error"), _cases(furthest)))
    for note in report.notes:
        console.print(Text(f"- {printable(note)}", style="dim"))


def _cases(cases: Sequence[Case]) -> list[tuple[str, ...]]:
    return [
        (
            printable(case.name) + (f" ({printable(case.note)})" if case.note else ""),
            case.quantity,
            figure(case.published),
            figure(case.modelled),
            signed(case.error),
        )
        for case in cases
    ]


def figure(value: float) -> str:
    """A number with separators, and four digits where it is small."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def percent(share: float) -> str:
    """A share as percent with two digits: `0.0312` is `3.12%`."""
    return f"{share:.2%}"


def signed(share: float) -> str:
    """As `percent`, with its sign."""
    return f"{share:+.2%}"
