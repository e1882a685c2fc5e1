"""Devices, and what arithmetic and buffers take of them."""

from __future__ import annotations

from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.dataflows import load_spec
from chiploom.dataflows.device import device_names, load_device
from chiploom.dataflows.document import Document
from chiploom.dataflows.errors import SpecError
from chiploom.dataflows.resources import Resources, total
from chiploom.dataflows.spec import parse_spec
from chiploom.dataflows.technology.fpga import buffer, multiply_accumulate, pieces

#: DSPs, BRAM36, LUTs, FFs of the product tables: DS190, DS180, DS891, DS962, DS950.
TABLES = {
    "xc7z020": (220, 140, 53_200, 106_400),
    "xc7z045": (900, 545, 218_600, 437_200),
    "xc7vx485t": (2_800, 1_030, 303_600, 607_200),
    "xc7vx690t": (3_600, 1_470, 433_200, 866_400),
    "zu9eg": (2_520, 912, 274_080, 548_160),
    "xcu250": (12_288, 2_688, 1_728_000, 3_456_000),
    "xcvc1902": (1_968, 967, 899_840, 1_799_680),
}
FAMILIES = st.sampled_from(["DSP48E1", "DSP48E2", "DSP58"])


def spec(**changes: object) -> Document:
    engine = {"name": "engine", "template": "fpga-tiled"}
    return Document("spec.yaml", {"device": "zu9eg", "sub_accelerators": [engine], **changes}, {})


@pytest.mark.parametrize("name", device_names())
def test_devices_have_what_their_tables_say(name: str) -> None:
    device = load_device(name)
    found = device.resources
    assert (found.dsps, found.bram36, found.luts, found.ffs) == TABLES[name]
    assert device.clock_hz <= device.most_clock_hz
    assert device.source


@pytest.mark.parametrize("kind", ["devices", "specs", "templates"])
def test_data_lies_in_packages(kind: str) -> None:
    """Wheels hold the data of packages alone, and a folder is one by its `__init__.py`."""
    assert import_module(f"chiploom.dataflows.{kind}").__file__ is not None


def test_the_published_design_takes_what_was_published() -> None:
    """Zhang et al., FPGA 2015, table 6: 2240 DSPs, 1024 block RAMs of 18 Kibit."""
    accelerator = load_spec("fpga15-vc707")
    engine = accelerator.sub_accelerators[0].resources
    assert engine["mac"].dsps == 2240
    buffers = total(engine[name] for name in ("weights", "inputs", "outputs"))
    assert 2 * buffers.bram36 == pytest.approx(1024, rel=0.1)
    assert accelerator.device is not None
    assert not accelerator.device.over(accelerator.resources)
    assert accelerator.resources == total(engine.values())


@pytest.mark.parametrize(
    ("family", "number", "bits", "packs", "dsps"),
    [
        ("DSP48E1", "int", 8, True, 1),  # no room for two products
        ("DSP48E2", "int", 8, True, 0.5),  # AMD WP486
        ("DSP48E2", "int", 8, False, 1),
        ("DSP58", "int", 8, True, 1 / 3),
        ("DSP48E1", "int", 16, True, 1),
        ("DSP48E1", "int", 32, True, 4),
        ("DSP48E1", "float", 32, False, 5),
        ("DSP58", "float", 32, False, 1),
    ],
)
def test_slices_of_a_unit(family: str, number: str, bits: int, packs: bool, dsps: float) -> None:
    unit = multiply_accumulate(family, number, bits, bits, 32, packs=packs)  # type: ignore[arg-type]
    assert unit is not None
    assert unit.dsps == pytest.approx(dsps)


@given(FAMILIES, st.integers(1, 64), st.integers(1, 64))
def test_wider_products_take_no_fewer_slices(family: str, w: int, i: int) -> None:
    assert pieces(family, w, i) == pieces(family, i, w)  # type: ignore[arg-type]
    assert pieces(family, w, i) <= pieces(family, w + 1, i)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bits", "width", "double", "bram36", "luts"),
    [
        (512 * 36, 36, False, 0.5, 0),
        (1024 * 36, 36, False, 1, 0),
        (2 * 512 * 36, 36, True, 1, 0),  # two arrays
        (121 * 32 * 2, 32, True, 1, 0),  # a filter of 11 x 11, twice
        (16384, 1, False, 0.5, 0),
        (1024 * 512, 512, False, 14.5, 0),  # 29 blocks of 18 bit side by side
        (9 * 8 * 2, 8, True, 0, 16),  # 9 words: two RAM32M of 6 bit, twice
    ],
)
def test_blocks_of_a_buffer(bits: int, width: int, double: bool, bram36: float, luts: int) -> None:
    found = buffer(bits, width, double=double, kind="auto")
    assert (found.bram36, found.luts) == (bram36, luts)


@given(st.integers(1, 2**22), st.integers(1, 1024), st.booleans())
def test_block_ram_holds_the_buffer(bits: int, width: int, double: bool) -> None:
    found = buffer(bits, min(bits, width), double=double, kind="bram")
    assert found.bram36 * 36 * 1024 >= bits


def test_energy_is_that_of_an_asic_of_the_node_times_a_ratio() -> None:
    built = parse_spec(spec(), "zu9eg").sub_accelerators[0]
    plain = {key: value for key, value in spec().data.items() if key != "device"}
    asic = parse_spec(
        Document("x", {**plain, "technology": {"node": "16 nm"}, "clock": "300 MHz",
                       "dram": {"type": "DDR4", "bandwidth": "19.2 GB/s"}}, {}), "x",
    ).sub_accelerators[0]  # fmt: skip
    assert built.mac_energy == pytest.approx(12 * asic.mac_energy)
    assert built.mac_area_mm2 == 0 < asic.mac_area_mm2
    assert asic.resources == {}
    assert built.dram == asic.dram


def test_an_energy_that_the_spec_gives_stays() -> None:
    engine = {"name": "engine", "template": "fpga-tiled",
              "memories": {"inputs": {"read_energy": "1 pJ/bit"}}}  # fmt: skip
    plain = parse_spec(spec(), "plain").sub_accelerators[0].memories[1]
    own = parse_spec(spec(sub_accelerators=[engine]), "own").sub_accelerators[0].memories[1]
    assert own.read_energy == 1
    assert own.write_energy == plain.write_energy


def test_a_device_leaves_the_rest_to_the_spec() -> None:
    own = parse_spec(spec(clock="200 MHz", dram={"bandwidth": "1 GB/s"}), "own")
    assert own.clock_hz == 200e6
    assert own.sub_accelerators[0].dram.read_bandwidth == 40  # bit per cycle
    assert own.node_nm == 16


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "zu9"}, "expected a shipped device"),
        ({"technology": {"node": "28 nm"}}, "the device gives the technology"),
        ({"device": 7}, "device: expected"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_spec(spec(**changes), "wrong")


def test_resources_add_up() -> None:
    part = Resources(dsps=1, bram36=0.5, luts=3)
    assert part * 2 + part == Resources(dsps=3, bram36=1.5, luts=9)
    assert (part - part) == Resources()
    assert part.to_json() == {"dsps": 1, "bram36": 0.5, "uram": 0, "luts": 3, "ffs": 0}
