"""Every template on an FPGA: multipliers, buffers, and what more lanes take."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.dataflows import SubAccelerator, load_template, template_names
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.resources import Resources, total
from chiploom.dataflows.spec import parse_spec

#: int8 templates whose lanes share a factor: products to a slice of a DSP48E2 and a DSP58. Only
#: products that are added to one another are three to a DSP58.
SHARING = {
    "systolic-ws": (2, 3),
    "systolic-is": (2, 3),
    "systolic-os": (2, 2),
    "nvdla": (2, 3),
    "fpga-depthwise": (2, 3),
    "fpga-pipeline": (2, 3),
}


def build(name: str, device: str, *sizes: int) -> SubAccelerator:
    """A template with its first two parameters as given, on a device."""
    names = [parameter.name for parameter in load_template(name).parameters[:2]]
    values = ", ".join(f"{key}: {size}" for key, size in zip(names, sizes, strict=True))
    text = f"device: {device}\nsub_accelerators:\n"
    text += f"  - {{name: e, template: {name}, parameters: {{{values}}}}}\n"
    accelerator = parse_spec(parse_document(text, "spec.yaml"), "spec")
    (sub,) = accelerator.sub_accelerators
    assert accelerator.resources == total(sub.resources.values())
    return sub


@pytest.mark.parametrize("name", SHARING)
def test_products_share_slices(name: str) -> None:
    for device, together in zip(("xc7z045", "zu9eg", "xcvc1902"), (1, *SHARING[name]), strict=True):
        sub = build(name, device, 16, 16)
        assert sub.resources["mac"].dsps == math.ceil(sub.pes / together)


def test_wide_products_do_not() -> None:
    for name in ("row-stationary", "shidiannao"):  # 16 bit
        sub = build(name, "zu9eg", 8, 8)
        assert sub.resources["mac"].dsps == sub.pes


@pytest.mark.parametrize("name", template_names())
def test_buffers_hold_what_they_are_to_hold(name: str) -> None:
    """Bits of the block RAM, LUTs and flip-flops that a memory is made of."""
    sub = build(name, "zu9eg", 8, 8)
    for memory in sub.memories[:-1]:
        taken = sub.resources[memory.name]
        held = taken.bram36 * 36 * 1024 + taken.luts * 64 + taken.ffs
        assert memory.size_bits is not None
        assert held >= memory.size_bits * sub.instances(memory)


@pytest.mark.parametrize("name", template_names())
@settings(max_examples=20, deadline=None)
@given(sizes=st.tuples(st.integers(1, 32), st.integers(1, 32)), more=st.integers(1, 16))
def test_more_lanes_take_no_fewer_multipliers(name: str, sizes: tuple[int, int], more: int) -> None:
    first, second = sizes
    small, large = build(name, "zu9eg", first, second), build(name, "zu9eg", first + more, second)
    for key in ("dsps", "luts", "ffs"):
        assert getattr(small.resources["mac"], key) <= getattr(large.resources["mac"], key)
    assert small.resources["vector"] != Resources()
