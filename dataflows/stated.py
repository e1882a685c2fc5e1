"""What a spec states of a component, what derives the rest, and where each figure comes from."""

from __future__ import annotations

from .schema import Derive, MacModel, MemoryModel, TechnologyModel

GIVEN = "given by the spec"
NOT_GIVEN = "not given, counted as 0"


def derived_by(stated: Derive | None, technology: TechnologyModel | None) -> Derive:
    """What derives a component's numbers: its own choice, else the spec's."""
    return stated or (technology.source if technology else "tables")


def either_source(first: float | None, second: float | None, derived: str) -> str:
    """The source of two figures, each of which may be given."""
    if first is not None and second is not None:
        return GIVEN
    return derived if first is None and second is None else f"in part {GIVEN}, else {derived}"


def given_sources(stated: MemoryModel | MacModel) -> str:
    """Where figures come from without a technology that could give those not stated."""
    return sources_of(stated.source, [
        ("energy", GIVEN),  # demanded by `checks`
        ("area", GIVEN if stated.area is not None else NOT_GIVEN),
        ("leakage", GIVEN if stated.leakage is not None else NOT_GIVEN),
    ])  # fmt: skip


def sources_of(stated: str, parts: list[tuple[str, str]]) -> str:
    """`energy, area: CACTI …; leakage: given by the spec`, after what the spec says itself."""
    merged: dict[str, list[str]] = {}
    for figure, source in parts:
        merged.setdefault(source, []).append(figure)
    text = "; ".join(f"{', '.join(figures)}: {source}" for source, figures in merged.items())
    return f"{stated.strip()} ({text})" if stated else text
