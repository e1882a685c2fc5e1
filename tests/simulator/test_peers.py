"""Best mappings against those that Timeloop and ZigZag find on the same machines and layers."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def peers() -> ModuleType:
    """The script that makes the tables of `docs/validation.md`."""
    path = REPOSITORY / "benchmarks" / "peers" / "recorded.py"
    spec = importlib.util.spec_from_file_location("chiploom_benchmarks_peers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def timeloop_rows(peers: ModuleType, shared: Path, machine: str) -> list[dict[str, str]]:
    rows = peers.rows_of(shared / "references" / "timeloop" / "ref.csv")
    found = [row for row in rows if row["hardware"].startswith(machine)]
    assert found
    return found


def timeloop_edp(row: dict[str, str]) -> float:
    """uJ x 10^6 cycles."""
    return int(row["cycles"]) * float(row["energy_uj"]) / 1e6


def test_certified_and_no_worse_than_timeloop_on_the_row_stationary_machine(
    peers: ModuleType, shared: Path
) -> None:
    for row in timeloop_rows(peers, shared, "EYE168 RS"):
        problem = peers.timeloop_problem("EYE168 RS", row["layer"])
        found = peers.map_nest(problem, "edp")
        assert found.optimal
        assert found.value / 1e12 <= timeloop_edp(row)
        # 1 MAC and at least one read of W and of I and one update of O each cost 1 pJ.
        assert found.value / found.cost.cycles >= 4 * problem.nest.macs


def test_no_worse_than_timeloop_without_constraints(peers: ModuleType, shared: Path) -> None:
    row = timeloop_rows(peers, shared, "S256")[-1]
    problem = peers.timeloop_problem("S256", row["layer"])
    found = peers.map_nest(problem, "edp", "fast")
    assert found.value / 1e12 <= timeloop_edp(row)


@pytest.mark.slow
def test_certified_without_constraints(peers: ModuleType, shared: Path) -> None:
    for row in timeloop_rows(peers, shared, "S256"):
        found = peers.map_nest(peers.timeloop_problem("S256", row["layer"]), "edp")
        assert found.value <= 1.01 * found.lower_bound
        assert found.value / 1e12 <= timeloop_edp(row)


def test_energy_is_no_worse_than_zigzags(peers: ModuleType, shared: Path) -> None:
    rows = list(peers.zigzag(shared / "references", "normal", ("energy",)))
    assert len(rows) == 24
    assert sum(row.count for row in rows) == 2 * 21
    for row in rows:
        assert row.found.optimal
        assert row.ratio <= 1


def check_zigzag(peers: ModuleType, shared: Path, effort: str, objective: str) -> None:
    """Where ZigZag is below, it is below what its DRAM port can carry, or two conventions differ.

    See `docs/validation.md`.
    """
    rows = list(peers.zigzag(shared / "references", effort, (objective,)))
    above = [row for row in rows if row.ratio > 1]
    for row in above:
        assert row.explained, f"{row.machine} {row.layer} {row.objective}: {row.ratio:.4f}"
    assert {row.layer for row in above if row.machine == "eyeriss-like"} == {"fc/Gemm"}
    # Nothing is claimed faster than the port allows.
    for row in rows:
        assert row.found.cost.cycles >= row.port_bound
    # Over the network the best mappings are better.
    for machine in ("tpu-like", "eyeriss-like"):
        here = [row for row in rows if row.machine == machine]
        ours = sum(row.count * row.found.value for row in here)
        assert ours < sum(row.count * row.theirs for row in here)


def test_edp_is_no_worse_than_zigzags_or_explained(peers: ModuleType, shared: Path) -> None:
    check_zigzag(peers, shared, "normal", "edp")


@pytest.mark.slow
def test_latency_is_no_worse_than_zigzags_or_explained(peers: ModuleType, shared: Path) -> None:
    check_zigzag(peers, shared, "thorough", "latency")
