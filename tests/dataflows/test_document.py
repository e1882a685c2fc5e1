"""YAML as data with lines; everything of YAML that is not data is refused, and fast."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.dataflows import SpecError
from chiploom.dataflows.document import MAX_BYTES, parse_document, read_document
from chiploom.frontend.errors import InputError


def refused(text: str) -> str:
    with pytest.raises(SpecError) as error:
        parse_document(text, "x.yaml")
    return str(error.value)


def test_data_and_lines() -> None:
    document = parse_document("a: 1\nb:\n  - {c: 1e3, d: on}\n  - '2'\n  - ~\n", "x.yaml")
    assert document.data == {"a": 1, "b": [{"c": 1000.0, "d": "on"}, "2", None]}
    assert document.lines["b", 0, "c"] == 3
    assert document.line(("b", 1)) == 4
    assert document.line(("b", 0, "missing")) == 3
    assert document.problem(("b", 0, "c"), "wrong") == "x.yaml:3: b[0].c: wrong"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.yaml:1: expected a mapping (`key: value`), the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("- a\n- b\n", "x.yaml:1: expected a mapping (`key: value`), found a list"),
        ("\njust text\n", "x.yaml:2: expected a mapping (`key: value`), found `just text`"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2: expected one YAML document, found a second; remove it"),
        ("a: &x 1\n", "x.yaml:1: anchors are not allowed, found `&x`"),
        ("a: *x\n", "x.yaml:1: aliases are not allowed, found `*x`"),
        ("a: 1\n<<: *x\n", "x.yaml:2: aliases are not allowed"),
        ("a: !!python/object/apply:os.system [ls]\n", "x.yaml:1: tags are not allowed"),
        ("a: !foo b\n", "x.yaml:1: tags are not allowed, found `!foo`; remove it"),
        ("? [a, b]\n: 1\n", "x.yaml:1: expected a name as key"),
        ("a: [1, 2\nb: 3\n", "x.yaml:2: expected YAML"),
        ("a: 1\n\tb: 2\n", "x.yaml:2: expected YAML"),
        ("a: \x01\n", "expected YAML"),
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3: a: expected every key once, found it again (first in "
                              "line 1); remove one of them"),
        ("[" * 200 + "]" * 200, "expected at most 32 levels of nesting"),
    ],
)  # fmt: skip
def test_refused(text: str, message: str) -> None:
    assert message in refused(text)


def test_every_duplicate_is_reported() -> None:
    found = refused("a: 1\nb: {c: 1, c: 2}\na: 3\n")
    assert "x.yaml:2: b.c: expected every key once" in found
    assert "x.yaml:3: a: expected every key once" in found


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 x\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 10_000)),
        "x: " + "[" * 100_000,
        "x: " + "{a: " * 50_000,
        "".join("  " * i + "a:\n" for i in range(500)),
    ],
    ids=["10,000 nested aliases", "lists", "mappings", "indentation"],
)
def test_bombs_are_refused_fast(text: str) -> None:
    start = time.perf_counter()
    refused(text)
    assert time.perf_counter() - start < 2


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(InputError, match=r"x\.yaml:2: expected text in UTF-8, found the byte 0xff"):
        read_document(path)
    path.write_bytes(b"a" * (MAX_BYTES + 1))
    with pytest.raises(InputError, match="expected at most 1 MiB of YAML"):
        read_document(path)
    with pytest.raises(InputError, match="it cannot be read"):
        read_document(tmp_path)
    with pytest.raises(InputError, match="it cannot be read: No such file"):
        read_document(tmp_path / "missing.yaml")
    path.write_text("\ufeffa: 1\n", encoding="utf-8")
    assert read_document(path).data == {"a": 1}


@given(st.text(max_size=200))
def test_any_text_gives_a_document_or_a_spec_error(text: str) -> None:
    def outcome() -> dict[str, object] | str:
        try:
            return parse_document(text, "x.yaml").data
        except SpecError as error:
            return str(error)

    found = outcome()
    assert isinstance(found, dict) or found.startswith("x.yaml")
