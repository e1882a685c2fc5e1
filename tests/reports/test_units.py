"""Numbers and names as the tables print them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.reports.text import compact_names, printable, shorten, shorten_all
from chiploom.reports.units import binary, energy, percent, plural, shape, si


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 J"),
        (1, "1 J"),
        (999, "999 J"),
        (999.6, "1.00 kJ"),
        (1000, "1.00 kJ"),
        (12_345, "12.3 kJ"),
        (999_499, "999 kJ"),
        (999_500, "1.00 MJ"),
        (4.09e9, "4.09 GJ"),
        (1.5e-12, "1.50 pJ"),
        (2.5e-6, "2.50 µJ"),
        (9.996, "10.0 J"),
    ],
)
def test_si(value: float, text: str) -> None:
    assert si(value, "J") == text


@given(st.floats(1e-15, 1e18))
def test_si_keeps_three_digits(value: float) -> None:
    number, prefix = si(value, "J").split(" ")
    scale = dict(zip("afpnµmJkMGTPE", range(-18, 21, 3), strict=True))[prefix[0]]
    assert float(number) * 10.0**scale == pytest.approx(value, rel=0.0051)


def test_energy_is_in_picojoule() -> None:
    assert energy(1e12) == "1 J"
    assert energy(3.2e6) == "3.20 µJ"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (0.5, "1 B"), (1023, "1023 B"), (1536, "1.50 KiB"), (25.5e6, "24.3 MiB")],
)
def test_binary(size: float, text: str) -> None:
    assert binary(size) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1e-9, "<1%"), (0.526, "53%"), (0.999, ">99%"), (1.0, "100%")],
)
def test_percent_never_rounds_something_to_nothing(share: float, text: str) -> None:
    assert percent(share) == text


def test_plural_and_shape() -> None:
    assert (plural(1, "layer"), plural(0, "layer")) == ("1 layer", "0 layers")
    assert (shape((1, 3, 224)), shape(())) == ("1x3x224", "scalar")


@given(st.text(), st.integers(0, 40))
def test_shorten_fits_and_keeps_both_ends(name: str, width: int) -> None:
    short = shorten(name, width)
    assert len(short) <= width or short == name
    if len(name) > width >= 4:
        assert short[0] == name[0]
        assert short[-1] == name[-1]
        assert "…" in short


def test_names_are_cut_where_they_stay_different() -> None:
    same_head = [f"encoder/layer.{i}/attention/self/query" for i in range(12)]
    assert len(set(shorten_all(same_head, 26))) == 12
    assert shorten_all(["abcdefghij", "kl"], 6) == ["ab…hij", "kl"]
    same_tail = [f"{i}/block/with/a/long/tail" for i in "abc"]
    assert len(set(shorten_all(same_tail, 12))) == 3
    assert shorten_all([], 12) == []


@given(st.lists(st.text(max_size=60), max_size=8), st.integers(0, 40))
def test_all_shortened_names_fit(names: list[str], width: int) -> None:
    short = shorten_all(names, width)
    assert len(short) == len(names)
    assert all(len(name) <= width for name in short)


def test_printable_defuses_escape_sequences() -> None:
    assert printable("conv\x1b[2Jname\n") == "conv�[2Jname�"
    assert printable("Größe/卷积") == "Größe/卷积"


def test_compact_names_drop_what_exporters_repeat() -> None:
    assert compact_names(
        [
            ("/layer1/layer1.0/conv1/Conv", "Conv"),
            ("/features/features.4/block/block.1/block.1.0/Conv", "Conv"),
            ("/attn/Mul_1", "Mul"),
            ("Conv", "Conv"),
            ("stem", "Conv"),
        ]
    ) == ["layer1.0/conv1", "features.4/block.1.0", "attn/Mul_1", "Conv", "stem"]


NAMES = st.lists(
    st.tuples(
        st.sampled_from(["/a/Add", "a", "/a/a.1/Add", "a.1", "Add", "/", "//a"]), st.just("Add")
    ),
    unique=True,
)


@given(NAMES)
def test_compact_names_stay_different(layers: list[tuple[str, str]]) -> None:
    assert len(set(compact_names(layers))) == len(layers)
