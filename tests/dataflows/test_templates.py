"""Every template keeps its contract at its defaults, at both ends of every range, and between."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.dataflows import (
    Accelerator,
    Parameter,
    SpecError,
    describe_template,
    load_template,
    template_names,
)
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec

from .contract import check_accelerator

CLOCK = 1e9


def instance(template: str, **parameters: Any) -> Accelerator:
    text = yaml.safe_dump(
        {
            "technology": {"node": "28 nm"},
            "clock": "1 GHz",
            "dram": {"type": "LPDDR4", "bandwidth": "12.8 GB/s"},
            "sub_accelerators": [{"name": "one", "template": template, "parameters": parameters}],
        }
    )
    return parse_spec(parse_document(text, "test.yaml"), "test")


def outcome(template: str, **parameters: Any) -> Accelerator | SpecError:
    try:
        return instance(template, **parameters)
    except SpecError as error:
        return error


def written(parameter: Parameter, value: float | str) -> float | str:
    """A value as a spec writes it."""
    return value if parameter.kind in ("count", "number") else parameter.show(value)


def bounds(template: str) -> Iterator[tuple[Parameter, float | str]]:
    for parameter in load_template(template).parameters:
        if parameter.kind == "choice":
            yield from ((parameter, choice) for choice in parameter.choices)
        for bound in (parameter.minimum, parameter.maximum):
            if bound is not None:
                yield parameter, bound


@pytest.mark.parametrize("name", template_names())
def test_defaults(name: str) -> None:
    accelerator = instance(name)
    check_accelerator(accelerator)
    (sub,) = accelerator.sub_accelerators
    assert sub.template == name
    assert set(sub.parameters) == {p.name for p in load_template(name).parameters}
    assert all(isinstance(value, str) and value for value in sub.parameters.values())
    assert accelerator == instance(name)


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        pytest.param(name, parameter, value, id=f"{name}-{parameter.name}-{value}")
        for name in template_names()
        for parameter, value in bounds(name)
    ],
)
def test_both_ends_of_every_range_resolve(
    name: str, parameter: Parameter, value: float | str
) -> None:
    found = outcome(name, **{parameter.name: written(parameter, value)})
    if isinstance(found, SpecError):
        # Alone at its end a parameter may leave a memory too small, no memory for an operand, or
        # partial sums narrower than outputs: a message about that, never a failed expression.
        assert all(": memories" in line or ": precision.psum" in line for line in found.problems)
        return
    check_accelerator(found)
    shown = found.sub_accelerators[0].parameters[parameter.name]
    assert shown == parameter.show(value)


@pytest.mark.parametrize("name", template_names())
def test_beyond_every_range_is_refused(name: str) -> None:
    for parameter, value in bounds(name):
        if isinstance(value, str):
            outside: float | str = "no such choice"
        else:
            outside = value - 1 if value == parameter.minimum else value + 1
        with pytest.raises(SpecError) as error:
            instance(name, **{parameter.name: written(parameter, outside)})
        message = str(error.value)
        assert f"sub_accelerators[0].parameters.{parameter.name}: expected " in message
        assert "test.yaml:" in message


@pytest.mark.parametrize("name", template_names())
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_random_arrays(name: str, data: st.DataObject) -> None:
    counts = {}
    for parameter in load_template(name).parameters[:2]:
        low, high = int(parameter.minimum or 1), int(parameter.maximum or 64)
        counts[parameter.name] = data.draw(st.integers(low, min(high, 64)))
    accelerator = instance(name, **counts)
    check_accelerator(accelerator)
    (sub,) = accelerator.sub_accelerators
    assert [axis.size for axis in sub.axes[:2]] == list(counts.values())
    inner = math.prod(axis.size for axis in sub.axes[2:])  # of a lane, in templates that have one
    assert sub.pes == math.prod(counts.values()) * inner


@pytest.mark.parametrize("name", template_names())
def test_description(name: str) -> None:
    template = load_template(name)
    text = describe_template(name)
    assert text.startswith(f"{name}: {template.title}\n")
    assert template.source in text
    assert "parallel-for" in text
    assert "O += W * I" in text
    for parameter in template.parameters:
        assert f"\n  {parameter.name} " in text
        assert parameter.doc


def test_dataflows_are_what_their_names_say() -> None:
    found = {name: instance(name).sub_accelerators[0] for name in template_names()}
    stationary = {
        "nvdla": "W", "systolic-ws": "W", "systolic-is": "I", "systolic-os": "O", "shidiannao": "O",
    }  # fmt: skip
    for name, operand in stationary.items():
        innermost = found[name].memories[0]
        assert innermost.operands == (operand,)
        assert innermost.shared == ()
        assert innermost.complete_outputs == (operand == "O")
    assert [axis.dims for axis in found["nvdla"].axes] == [("C",), ("K",)]
    rs = found["row-stationary"]
    assert [axis.dims[0] for axis in rs.axes] == ["FY", "OY"]
    assert rs.levels("I")[0].sliding
    assert {memory.name for memory in rs.levels("W")} == {"filter-spad", "DRAM"}
    for name, beyond in (("systolic-ws", -2), ("systolic-is", -2), ("systolic-os", 16 - 2)):
        assert found[name].skew.cycles == 16 + 16 + beyond
        assert found[name].skew.per == "fold"
    for parameter in ("systolic-ws", "weight_registers"), ("systolic-is", "input_registers"):
        (twice,) = instance(parameter[0], **{parameter[1]: 2}).sub_accelerators
        assert twice.skew.per == "layer"


def test_weights_shift_in_through_the_rows() -> None:
    """A fold of weights takes as many cycles as there are rows."""
    (sub,) = instance("systolic-ws", rows=32, columns=8).sub_accelerators
    register = sub.memories[0]
    assert register.buffering == "single"
    assert sub.precision.W / register.write_bandwidth == 32
    (twice,) = instance("systolic-ws", weight_registers=2).sub_accelerators
    assert twice.memories[0].buffering == "double"
    assert twice.memories[0].size_bits == 16


def test_optional_memory() -> None:
    without = instance("systolic-ws").sub_accelerators[0]
    with_fifo = instance("systolic-ws", weight_fifo="4 KiB").sub_accelerators[0]
    assert "weight-fifo" not in {memory.name for memory in without.memories}
    assert [memory.name for memory in with_fifo.levels("W")] == [
        "weight-register", "weight-fifo", "scratchpad", "DRAM",
    ]  # fmt: skip


def test_bandwidth_per_second_follows_the_clock() -> None:
    (sub,) = instance("systolic-ws", fill_bandwidth="16 GB/s").sub_accelerators
    scratchpad = next(memory for memory in sub.memories if memory.name == "scratchpad")
    assert scratchpad.write_bandwidth == pytest.approx(16e9 * 8 / CLOCK)
