"""The areas that docs/technology.md holds against published ones are those of the shipped specs."""

from __future__ import annotations

from pathlib import Path

import pytest

from chiploom.dataflows import SubAccelerator, load_spec
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "technology.md").read_text(encoding="utf-8")


def only(name: str) -> SubAccelerator:
    (sub,) = load_spec(name).sub_accelerators
    return sub


def area(sub: SubAccelerator, *names: str) -> float:
    return sum(memory.area_mm2 for memory in sub.memories if memory.name in names)


def whole(sub: SubAccelerator) -> float:
    names = [memory.name for memory in sub.memories]
    return sub.mac_area_mm2 + sub.vector.area_mm2 + area(sub, *names)


def array(sub: SubAccelerator) -> float:
    return sub.mac_area_mm2 + area(sub, "weight-register")


def nvdla_at_28_nm() -> SubAccelerator:
    text = (ROOT / "dataflows" / "specs" / "nvdla-large.yaml").read_text(encoding="utf-8")
    assert "node: 16 nm" in text
    text = text.replace("node: 16 nm", "node: 28 nm")
    (sub,) = parse_spec(parse_document(text, "nvdla.yaml"), "nvdla").sub_accelerators
    return sub


def rows() -> list[tuple[str, float, str, float]]:
    """(row of the document, published mm2, ours as written there, ours)."""
    eyeriss, tpu, gemmini = only("eyeriss"), only("tpu-v1"), only("gemmini-16x16")
    return [
        ("Eyeriss, core, 65 nm", 12.25, "3.18", whole(eyeriss)),
        ("TPU v1, die, 28 nm", 331, "75.6", whole(tpu)),
        ("· matrix unit (24 %)", 79, "36.2", array(tpu)),
        ("· unified buffer (29 %), 24 MiB", 96, "32.9", area(tpu, "scratchpad")),
        ("· accumulators (6 %), 4 MiB", 20, "5.81", area(tpu, "accumulator")),
        ("NVDLA, 2048 MACs, 512 KiB, 28 nm", 5.5, "1.75", whole(nvdla_at_28_nm())),
        ("Gemmini, spatial array, 22 nm", 0.116, "0.105", array(gemmini)),
        ("Gemmini, scratchpad, 256 KiB", 0.544, "0.255", area(gemmini, "scratchpad")),
        ("Gemmini, accumulator, 64 KiB", 0.146, "0.051", area(gemmini, "accumulator")),
    ]


@pytest.mark.parametrize(("name", "published", "written", "ours"), rows())
def test_the_document_is_up_to_date(name: str, published: float, written: str, ours: float) -> None:
    row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| {name} |"))
    assert f"| {written} mm² | {ours / published:.2f} |" in row
    assert ours == pytest.approx(float(written), rel=0.01)
    assert f"{published:g} mm²" in row


def test_power_of_a_busy_tpu() -> None:
    tpu, accelerator = only("tpu-v1"), load_spec("tpu-v1")
    assert tpu.mac_energy * 1e-12 * tpu.pes * accelerator.clock_hz == pytest.approx(37, abs=0.5)
    leakage = tpu.mac_leakage_mw + tpu.vector.leakage_mw + sum(m.leakage_mw for m in tpu.memories)
    assert leakage * 1e-3 == pytest.approx(0.45, abs=0.01)
