"""Specs made to break their reader: one short message, whatever stands where."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from chiploom.dataflows import SpecError, load_spec
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.expressions import ExpressionError, evaluate, substitute
from chiploom.dataflows.template import shipped
from chiploom.dataflows.units import UnitError, parse

GOOD = shipped("specs")["eyeriss"].read_text()


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9", "2**64**64", "(2**32)**64*(2**32)**64", "10**64*10**64*10**64*10**64*10**64",
        "floor(1e308*10-1e308*10)", "ceil(1e308*10)", "(-1)**0.5", "'a'*9", "min()", "1/0",
        "(" * 240 + "1" + ")" * 240, "-" * 490 + "1", "__import__('os')", "rows.__class__",
        "[1][0]", "lambda: 1", "'\\d'", "rows(1)", "f'{rows}'", "(rows := 2)", "9" * 501,
    ],
)  # fmt: skip
def test_no_expression_does_more_than_arithmetic(expression: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ExpressionError) as caught:
            evaluate(expression, {"rows": 4})
        assert len(str(caught.value)) < 1000
        with pytest.raises(ExpressionError):
            substitute("${" + expression + "} KiB", {"rows": 4})


def test_numbers_too_large_are_text() -> None:
    """So that what wants a number says that it found none."""
    data = parse_document("a: 1e400\nb: -1e400\nc: .nan\nd: .inf\ne: 1e300\n", "x").data
    assert data == {"a": "1e400", "b": "-1e400", "c": ".nan", "d": ".inf", "e": 1e300}


@pytest.mark.parametrize("text", ["1e31 bit", "1e-40 bit", "1e308 GB", "1e308 TiB"])
def test_quantities_that_nothing_has(text: str) -> None:
    with pytest.raises(UnitError, match=r"too (large|small)"):
        parse(text, "size")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("clock:", "k" * 50_000 + ": 1\nclock:"),
        ("200 MHz  ", "x" * 50_000),
        ("row-stationary", "n" * 300 + ".yaml"),
        ("row-stationary", '"\\0.yaml"'),
        ("row-stationary", "/dev/zero"),
        ("rows: 12", "rows: " + "9" * 5000),
        ("clock:", "\n".join(f"key{n}: 1" for n in range(5000)) + "\nclock:"),
    ],
)
def test_messages_stay_short(old: str, new: str, tmp_path: Path) -> None:
    assert old in GOOD
    file = tmp_path / "bad.yaml"
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(SpecError) as caught:
        load_spec(file)
    assert len(str(caught.value)) < 10_000
    assert any(name in str(caught.value) for name in ("bad.yaml", "n" * 50, "/dev/zero"))


@pytest.mark.parametrize("memories", ["[text]", "[{size: 1 KiB}]", "[[]]"])
def test_a_template_whose_memories_are_none(memories: str, tmp_path: Path) -> None:
    text = shipped("templates")["nvdla"].read_text()
    start, end = text.index("\nmemories:"), text.index("\nprecision:")
    template = tmp_path / "odd.yaml"
    template.write_text(f"{text[:start]}\nmemories: {memories}{text[end:]}")
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "technology: {node: 28 nm}\nclock: 1 GHz\ndram: {type: LPDDR4, bandwidth: 10 GB/s}\n"
        "sub_accelerators: [{name: a, template: odd.yaml, memories: {cbuf: {size: 8 KiB}}}]\n"
    )
    with pytest.raises(SpecError, match=r"odd\.yaml"):
        load_spec(spec)
