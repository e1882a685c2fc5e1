"""Validation suites: published figures rerun, and the arithmetic of their reports."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from chiploom.frontend.errors import InputError
from chiploom.simulator.validation import Case, Report, names, run
from chiploom.simulator.validation.fidelity import compare
from chiploom.simulator.validation.report import spearman, summary


def test_scalesim_is_met_exactly() -> None:
    report = run("scalesim")
    assert len(report.cases) == 144
    assert [case for case in report.cases if case.error] == []
    assert {case.quantity for case in report.cases} == {"cycles (ws)", "cycles (is)", "cycles (os)"}


def test_scalesim_takes_rectangular_arrays_and_its_own_columns(tmp_path: Path) -> None:
    """Closed forms: 2R + C + M - 2 a fold of weights; T + R + C - 2 of outputs."""
    table = tmp_path / "rows.csv"
    ws = math.ceil(100 / 8) * math.ceil(70 / 32) * (2 * 8 + 32 + 50 - 2)
    output = math.ceil(50 / 8) * math.ceil(70 / 32) * (100 + 8 + 32 - 2)
    table.write_text(
        "layer,M,N,K,R,C,dataflow,compute_cycles_lines,more\n"
        f"a,50,70,100,8,32,ws,{ws},x\nb,50,70,100,8,32,os,{output},x\n"
    )
    assert [case.error for case in run("scalesim", table).cases] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "expected columns layer, M, N, K, R, C, dataflow"),
        ("", "no rows"),
        ("layer,M,N,K,R,C,dataflow,cycles\nx,1,1,one,8,8,ws,1\n", "column K: expected a number"),
        ("layer,M,N,K,R,C,dataflow,cycles\nx,1,1,1,8,8,zs,1\n", "a dataflow out of ws, is, os"),
        ("layer,M,N,K,R,C,dataflow,cycles\nx,0,1,1,8,8,ws,1\n", "sizes of at least 1"),
    ],
)
def test_a_table_in_another_form_is_refused(tmp_path: Path, text: str, words: str) -> None:
    table = tmp_path / "rows.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=words):
        run("scalesim", table)


def test_a_missing_file_or_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a CSV table"):
        run("scalesim", tmp_path / "none.csv")
    with pytest.raises(InputError, match=f"expected one of {', '.join(names())}"):
        run("verilator")
    with pytest.raises(InputError, match="expected no --data"):
        run("fidelity", tmp_path / "rows.csv")


@pytest.mark.parametrize("spec", ["gemmini-16x16", "eyeriss", "nvdla-small", "zigzag-tpu-like"])
def test_the_analytic_model_agrees_with_its_execution(spec: str) -> None:
    """A sample of the suite `fidelity`: half of the layers within 3 %, 19 of 20 within 15 %."""
    found = summary(spec, compare(spec, ("resnet9", "resnet18", "unet")))
    assert found.median <= 0.03
    assert found.p95 <= 0.15
    assert found.rank >= 0.99


def test_errors_are_relative_to_what_was_published() -> None:
    cases = [Case("a", "ms", 10.0, 11.0), Case("b", "ms", 20.0, 16.0), Case("c", "ms", 5.0, 5.0)]
    found = summary("ms", cases)
    assert (found.cases, found.exact) == (3, 1)
    assert found.mean == pytest.approx(0.1)
    assert found.median == pytest.approx(0.1)
    assert found.worst == pytest.approx(0.2)
    assert found.bias == pytest.approx(0.0)
    assert found.rank == pytest.approx(1.0)
    assert Case("none", "ms", 0.0, 0.0).error == 0
    with pytest.raises(ValueError, match="no cases"):
        summary("ms", [])


def test_rank_correlation_takes_ties_at_their_mean_rank() -> None:
    """As scipy.stats.spearmanr gives it."""
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486832980505138)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert math.isnan(spearman([1, 2], [1, 2]))
    assert math.isnan(spearman([1, 1, 1], [1, 2, 3]))


def test_a_report_becomes_plain_data() -> None:
    report = Report("s", "title", "source", (Case("a", "ms", 10.0, 11.0, "why"),), ("note",))
    plain = report.to_json()
    assert plain["cases"][0] == {
        "name": "a",
        "quantity": "ms",
        "published": 10.0,
        "modelled": 11.0,
        "error": pytest.approx(0.1),
        "note": "why",
    }
    assert plain["summary"][0]["spearman"] is None
