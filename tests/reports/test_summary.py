"""The terminal report of a simulation: what it says, and that it fits."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from chiploom.reports.energy import GROUPS, by_group, by_part, group_of
from chiploom.reports.layers import SHOW_ALL, SHOW_TOP
from chiploom.reports.summary import print_result
from chiploom.simulator.result import Result


def report(result: Result, width: int = 160, top: int | None = None) -> str:
    out = io.StringIO()
    print_result(result, Console(file=out, width=width, highlight=False), top)
    return out.getvalue()


def row(text: str, start: str) -> str:
    """The first line that starts with a word, runs of blanks as one."""
    return " ".join(next(line for line in text.splitlines() if line.startswith(start)).split())


def test_figures(result: Result) -> None:
    text = report(result)
    assert row(text, "conv") == (
        "conv Conv +2 K8 C4 OY10 OX10 FY3 FX3 28.8 k 2.00 k 80% 90% dram 4.00 KiB 1.00 nJ"
        " 10 10 70 0 10"
    )
    assert row(text, "softmax") == "softmax Softmax - 500 20% - vector 512 B 100 pJ 0 0 60 30 10"
    assert row(text, "total").startswith(
        "total 28.8 k 2.50 k 100% 72% 4.50 KiB 1.10 nJ 9 9 69 3 10"
    )
    for figure in ("2.50 µs", "400 k inferences/s", "11.5 GMAC/s", "1.10 nJ", "440 µW"):
        assert figure in text
    assert "52.4 TOPS/W" in text  # 2 x 28,800 operations / 1100 pJ
    assert "2 mm²" in text


def test_says_each_note_once(result: Result) -> None:
    twice = replace(result, models=result.models * 2, layers=result.layers * 2)
    text = report(twice)
    for note in ("batch is bound to 1", "DRAM is LPDDR4", "an assumption"):
        assert text.count(note) == 1
    assert "softmax and 1 more layer: an assumption" in text


def test_names_what_is_not_modelled_with_its_share(result: Result) -> None:
    text = report(result)
    assert "com.example::Mystery, 2 nodes, 25% of output elements: no rule covers it" in text
    assert "75% of output elements" in text


def test_says_which_mappings_are_not_proven(result: Result) -> None:
    assert "not proven" not in report(result)
    assert "1 mapping, proven best in the mapspace" in report(result)
    guess = replace(result, layers=tuple(replace(layer, optimal=False) for layer in result.layers))
    assert "1 of 1 mapping" in report(guess)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
@pytest.mark.parametrize("layers", [1, 20, 113])
def test_fits_the_terminal(long_result: Callable[[int], Result], layers: int, width: int) -> None:
    text = report(long_result(layers), width)
    table = text[: text.index("\ncycles ")]
    assert max(map(len, table.splitlines())) <= width
    assert "/conv" in table


def test_says_which_columns_found_no_room(result: Result) -> None:
    narrow, wide = report(result, 80), report(result, 180)
    assert "No room for: dims, share, MAC%, chip%, DRAM%, vec%, leak%" in " ".join(narrow.split())
    assert "No room for" not in wide


def test_short_networks_are_shown_whole_in_order(long_result: Callable[[int], Result]) -> None:
    lines = report(long_result(SHOW_ALL)).splitlines()
    names = [line.split()[0] for line in lines if line.startswith("block")]
    assert names == [f"block{i}/conv" for i in range(SHOW_ALL)]


def test_long_networks_show_the_costliest_and_sum_the_rest(
    long_result: Callable[[int], Result],
) -> None:
    layers = SHOW_ALL + 1
    text = report(long_result(layers))
    names = [line.split()[0] for line in text.splitlines() if line.startswith("block")]
    assert names == [f"block{i}/conv" for i in range(layers - 1, layers - 1 - SHOW_TOP, -1)]
    hidden = layers - SHOW_TOP
    cycles = 10 * hidden * (hidden + 1) / 2 / 1000
    assert row(text, "… ").startswith(f"… {hidden} more layers 605 k {cycles:.2f} k")
    assert f"--top {layers} shows all" in text


def test_top_wins(long_result: Callable[[int], Result]) -> None:
    text = report(long_result(5), top=2)
    assert [line.split()[0] for line in text.splitlines() if line.startswith("block")] == [
        "block4/conv",
        "block3/conv",
    ]
    assert "… 3 more layers" in text
    assert "… 5 more layers" in report(long_result(5), top=0)


def test_networks_are_told_apart(result: Result) -> None:
    other = tuple(replace(layer, model="other") for layer in result.layers)
    models = (*result.models, replace(result.models[0], name="other", notes=("its own",)))
    text = report(replace(result, models=models, layers=result.layers + other))
    assert text.startswith("net + other on chip")
    assert text.index("\nnet ") < text.index("\nconv") < text.index("\nother ")
    assert "- other: its own" in text
    assert "- other: com.example::Mystery" in text


def test_sub_accelerators_are_named_where_there_are_several(result: Result) -> None:
    assert "array" not in report(result)
    spec = replace(result.spec, sub_accelerators=("array", "second"))
    assert row(report(replace(result, spec=spec)), "conv").split()[3] == "array"


def test_names_cannot_drive_the_terminal(result: Result) -> None:
    evil = replace(result.layers[0], name="\x1b]0;title\x07[bold]x[/bold]")
    text = report(replace(result, layers=(evil,)))
    assert "\x1b" not in text
    assert "[bold]x[/bold]" in text


def test_a_network_of_nothing(result: Result) -> None:
    assert "total" in report(replace(result, layers=()))


def test_groups_keep_the_sum(result: Result) -> None:
    energy = result.energy_by_component
    assert sum(by_group(energy).values()) == pytest.approx(result.energy_pj)
    assert sum(by_part(energy).values()) == pytest.approx(result.energy_pj)
    assert list(by_group({})) == list(GROUPS)
    assert by_part(energy)["buffer"] == 40.0


@pytest.mark.parametrize(
    ("component", "group"),
    [
        ("mac", "MAC"),
        ("dram.W.read", "DRAM"),
        ("spad_w.W.read", "on-chip"),
        ("network", "on-chip"),
        ("vector", "vector"),
        ("leakage", "leakage"),
    ],
)
def test_group_of(component: str, group: str) -> None:
    assert group_of(component) == group
