"""Modes of an array: what a spec may say, and what it gets."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from chiploom.dataflows import Accelerator, SpecError
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec


def spec(**changes: Any) -> Accelerator:
    mode = {
        "name": "small",
        "only": {"filter": [3, 3]},
        "axes": [
            {"name": "row", "size": 4, "dims": "K"},
            {"name": "column", "size": 6, "dims": "OX FX", "most": {"OX": 2, "FX": 3}},
        ],
    }
    sub: dict[str, Any] = {
        "name": "sub",
        "axes": [
            {"name": "row", "size": 4, "dims": "K"},
            {"name": "column", "size": 3, "dims": "C"},
        ],
        "memories": [
            {"name": "w", "operands": "W", "size": "64 bit", "shared": ["column"]},
            {"name": "io", "operands": "I O", "size": "1 KiB", "shared": "all"},
        ],
        "precision": {"W": "8 bit", "I": "8 bit", "O": "8 bit", "psum": "16 bit"},
        "vector": {"lanes": 1},
        "modes": [{**mode, **changes}],
    }
    document = {
        "technology": {"node": "28 nm"},
        "clock": "100 MHz",
        "dram": {"type": "DDR3", "bandwidth": "unlimited"},
        "sub_accelerators": [sub],
    }
    return parse_spec(parse_document(yaml.safe_dump(document), "spec.yaml"), "spec")


def test_a_mode_shares_what_it_does_not_state() -> None:
    (sub,) = spec(expands={"w": 2}).sub_accelerators
    (mode,) = sub.modes
    assert (mode.name, mode.mode, sub.mode) == ("sub", "small", "")
    assert mode.memories[1:] == sub.memories[1:]
    assert mode.memories[0].size_bits == 32
    assert mode.mac_energy == sub.mac_energy
    assert mode.skew == sub.skew
    assert mode.pes == 24


def test_arithmetic_of_its_own() -> None:
    (sub,) = spec(mac={"products": 0.5}).sub_accelerators
    assert sub.modes[0].mac_energy == pytest.approx(sub.mac_energy / 2)
    (more,) = spec(mac={"products": 0.5, "adds": 2}).sub_accelerators
    assert more.modes[0].mac_energy > sub.modes[0].mac_energy
    (wide,) = spec(mac={"factors": {"W": "16 bit"}}).sub_accelerators
    assert wide.modes[0].mac_energy > sub.mac_energy


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expands": {"ww": 2}}, "modes[0].expands.ww: unknown memory 'ww'"),
        (
            {"expands": {"w": 5}},
            "modes[0].expands.w: expected room for 16 bit of a layer, found 12",
        ),
        ({"expands": {"w": 0}}, "modes[0].expands.w: expected a number above 0, found 0"),
        ({"only": {"filter": [3]}}, "modes[0].only.filter"),
        (
            {"axes": [{"name": "row", "size": 2, "dims": "K"}]},
            "modes[0].axes: expected as many instances of 'w' as the memory has, 4, found 2",
        ),
        (
            {"axes": [{"name": "row", "size": 4, "dims": "K", "most": {"C": 2}}]},
            "modes[0].axes[0].most.C: expected one of the axis's dims, K, found C",
        ),
    ],
)
def test_errors(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec(**changes)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_template_has_its_own() -> None:
    text = (
        "device: zu9eg\nsub_accelerators:\n"
        "  - {name: e, template: fpga-winograd, modes: [], parameters: {tm: 2, tn: 2}}\n"
    )
    with pytest.raises(SpecError, match="the template gives the modes; remove them"):
        parse_spec(parse_document(text, "spec.yaml"), "spec")
