"""The optional package as source of figures: with a stand-in, without any, and the real one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from chiploom.dataflows import SpecError, load_spec
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec
from chiploom.dataflows.technology import arithmetic, external, sram

from .contract import check_accelerator

SPEC = """
technology: {{node: 28 nm{technology}}}
clock: 1 GHz
dram: {{type: LPDDR4, bandwidth: 64 bit/cycle{dram}}}
sub_accelerators:
  - name: one
    axes: [{{name: x, size: 8, dims: K}}]
    memories:
      - {{name: register, operands: O, size: 64 bit, shared: none{register}}}
      - {{name: buffer, operands: W I O, size: 64 KiB, shared: all, access_width: 64 bit{buffer}}}
    precision: {{W: 8 bit, I: 4 bit, O: 8 bit, psum: 32 bit}}
    mac: {{registers: 8 bit{mac}}}
    vector: {{lanes: 1{vector}}}
"""


def load(**changes: str) -> Any:
    parts = ("technology", "dram", "register", "buffer", "mac", "vector")
    text = SPEC.format(**{part: changes.get(part, "") for part in parts})
    accelerator = parse_spec(parse_document(text, "x.yaml"), "x")
    check_accelerator(accelerator)
    (sub,) = accelerator.sub_accelerators
    return sub


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing remembered of another test's package."""
    modules: tuple[ModuleType, ...] = (external, arithmetic, sys.modules[sram.__module__])

    def clear() -> None:
        for module in modules:
            for function in vars(module).values():
                if hasattr(function, "cache_clear"):
                    function.cache_clear()

    clear()
    yield
    clear()


class StandIn:
    """Answers with round figures in the package's units: J, s, m2, W."""

    #: J read, J written, m2, W
    FIGURES = {  # noqa: RUF012
        "SRAM": (6.4e-12, 12.8e-12, 2e-9, 3e-6),
        "Register": (1e-15, 2e-15, 4e-12, 5e-10),
        "Multiplier": (3e-13, 0.0, 1e-10, 1e-6),
        "Adder": (1e-13, 0.0, 2e-10, 2e-6),
        "LPDDR4": (64 * 5e-12, 64 * 6e-12, 0.0, 0.0),
    }

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, float]]] = []

    def get_model(self, name: str, attributes: dict[str, float], actions: list[str]) -> Any:
        assert actions == ["read"]
        self.asked.append((name, attributes))
        if attributes.get("width") == 0:
            raise RuntimeError("Can not find a model\n | ValueError: width must be > 0")
        read, write, area, leakage = self.FIGURES[name]
        model = type(name, (), {"__module__": "stand_in.models"})()
        model.area, model.leak_power = area, leakage
        model.read = lambda: SimpleNamespace(energy=read, latency=1e-9)
        model.write = lambda: SimpleNamespace(energy=write, latency=1e-9)
        return model


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "hwcomponents", stand_in)
    return stand_in


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hwcomponents", None)


# -- a stand-in ------------------------------------------------------------------------------------


def test_source_of_the_whole_spec(package: StandIn) -> None:
    sub = load(technology=", source: hwcomponents")
    register, buffer, dram = sub.memories
    assert (buffer.read_energy, buffer.write_energy) == pytest.approx((0.1, 0.2))  # of 64 bit
    assert (buffer.area_mm2, buffer.leakage_mw) == pytest.approx((2e-3, 3e-3))
    assert (register.read_energy, register.write_energy) == pytest.approx((1e-3, 2e-3))
    assert register.area_mm2 == pytest.approx(8 * 64 * 4e-6)  # 8 instances of 64 bit
    assert register.leakage_mw == pytest.approx(8 * 64 * 5e-7)
    assert (dram.read_energy, dram.write_energy) == pytest.approx((5, 6))
    assert sub.mac_energy == pytest.approx(0.3 + 0.1 + 8 * 2e-3)  # with its pipeline registers
    assert sub.mac_area_mm2 == pytest.approx(8 * (3e-4 + 8 * 4e-6))
    assert sub.mac_leakage_mw == pytest.approx(8 * (3e-3 + 8 * 5e-7))
    assert sub.vector.simple_energy == pytest.approx((0.3 + 0.1) / 2)
    for source in (register.source, buffer.source, dram.source, sub.mac_source, sub.vector.source):
        assert "hwcomponents" in source
        assert "stand_in." in source
    assert "(stand_in.SRAM), 64 KiB x 64 bit at 28 nm" in buffer.source
    assert ("Multiplier", {"tech_node": pytest.approx(28e-9), "width_a": 8, "width_b": 4}) in (
        package.asked
    )
    assert ("SRAM", {"tech_node": pytest.approx(28e-9), "width": 64, "size": 2**19}) in (
        package.asked
    )


@pytest.mark.parametrize("part", ["dram", "register", "buffer", "mac", "vector"])
def test_source_of_one_component(package: StandIn, part: str) -> None:
    sub = load(**{part: ", derive: hwcomponents"})
    register, buffer, dram = sub.memories
    sources = {
        "register": register.source, "buffer": buffer.source, "dram": dram.source,
        "mac": sub.mac_source, "vector": sub.vector.source,
    }  # fmt: skip
    assert {name for name, source in sources.items() if "stand_in" in source} == {part}


def test_one_component_from_the_tables(package: StandIn) -> None:
    sub = load(technology=", source: hwcomponents", buffer=", derive: tables",
               mac=", derive: horowitz")  # fmt: skip
    assert "CACTI 7" in sub.memories[1].source
    assert "Horowitz" in sub.mac_source
    assert "stand_in" in sub.memories[0].source


def test_mac_source_of_the_whole_spec(package: StandIn) -> None:
    assert "stand_in" in load(technology=", mac_source: hwcomponents").mac_source
    sub = load(technology=", source: hwcomponents, mac_source: aladdin")
    assert sub.mac_source.startswith("energy, area, leakage: Aladdin")


def test_floating_point_stays_horowitzs(package: StandIn) -> None:
    sub = load(technology=", source: hwcomponents", mac=", type: float")
    assert "Horowitz" in sub.mac_source
    assert "Horowitz" in sub.vector.source


def test_large_memories_are_banks(package: StandIn) -> None:
    whole = sram(28, 4 * 2**23, 256, "hwcomponents")
    assert (whole.wide, whole.deep) == (2, 2)
    assert whole.area_mm2 == pytest.approx(4 * 2e-3)
    bank = {"tech_node": pytest.approx(28e-9), "width": 128, "size": 2**23}
    assert package.asked == [("SRAM", bank)]


def test_what_the_spec_gives_is_not_asked_for(package: StandIn) -> None:
    buffer = ", energy: 1 pJ/bit, area: 1 mm2, leakage: 1 mW, derive: hwcomponents"
    mac = ", energy: 1 pJ, area: 1 um2, leakage: 1 nW, derive: hwcomponents"
    sub = load(buffer=buffer, mac=mac)
    assert package.asked == []
    assert (sub.memories[1].read_energy, sub.mac_energy) == (1, 1)
    assert sub.mac_source == "energy, area, leakage: given by the spec"


def test_a_figure_that_the_package_refuses(package: StandIn, monkeypatch: Any) -> None:
    def refuse(name: str, attributes: Any, actions: Any) -> Any:
        raise Exception("Logs:\n | calling SRAM\n | ValueError: node must be at least 7 nm\n | end")

    monkeypatch.setattr(package, "get_model", refuse)
    with pytest.raises(SpecError) as caught:
        load(buffer=", derive: hwcomponents")
    message = str(caught.value)
    assert message.startswith("x.yaml:10: sub_accelerators[0].memories[1]: ")
    assert "no figures for SRAM (tech_node 2.8e-08, width 64, size 524288)" in message
    assert "ValueError: node must be at least 7 nm" in message
    assert "derive from `tables`" in message


# -- none ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_package")
@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"technology": ", source: hwcomponents"}, "x.yaml:2: technology.source: "),
        ({"technology": ", mac_source: hwcomponents"}, "x.yaml:2: technology.mac_source: "),
        ({"dram": ", derive: hwcomponents"}, "x.yaml:4: dram: "),
        ({"register": ", derive: hwcomponents"}, "x.yaml:9: sub_accelerators[0].memories[0]: "),
        ({"mac": ", derive: hwcomponents"}, "x.yaml:12: sub_accelerators[0].mac: "),
        ({"vector": ", derive: hwcomponents"}, "x.yaml:13: sub_accelerators[0].vector: "),
    ],
)
def test_a_missing_package_is_named(changes: dict[str, str], where: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(**changes)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(where)
    assert "`hwcomponents`, which is not installed" in str(caught.value)
    assert "pip install 'chiploom[hwcomponents]'" in str(caught.value)


@pytest.mark.usefixtures("no_package")
def test_nothing_else_needs_the_package() -> None:
    load()
    load_spec("eyeriss")


# -- the real one ----------------------------------------------------------------------------------


def test_the_real_package_agrees_with_the_tables() -> None:
    """The tables came from it: registers, MACs and DRAM are equal."""
    pytest.importorskip("hwcomponents", reason="needs the extra `hwcomponents`")
    theirs, ours = load(technology=", source: hwcomponents", buffer=", derive: tables"), load()
    assert theirs.mac_energy == pytest.approx(ours.mac_energy, rel=1e-6)
    assert theirs.mac_area_mm2 == pytest.approx(ours.mac_area_mm2, rel=1e-6)
    for their, our in zip(theirs.memories, ours.memories, strict=True):
        assert their.read_energy == pytest.approx(our.read_energy, rel=1e-6)
        assert their.area_mm2 == pytest.approx(our.area_mm2, rel=1e-6)
    assert "hwcomponents_library.AladdinMultiplier" in theirs.mac_source
    assert "without leakage" in theirs.memories[0].source


def test_the_real_cacti_agrees_with_the_table() -> None:
    pytest.importorskip("hwcomponents", reason="needs the extra `hwcomponents`")
    try:
        (_, theirs, _) = load(buffer=", derive: hwcomponents").memories
    except SpecError as error:
        if "CACTI failed" not in str(error):
            raise
        pytest.skip("its CACTI does not run on this machine")
    (_, ours, _) = load().memories
    for figure in ("read_energy", "write_energy", "area_mm2", "leakage_mw"):
        assert getattr(theirs, figure) == pytest.approx(getattr(ours, figure), rel=1e-4)
    assert "hwcomponents_cacti.SRAM" in theirs.source
