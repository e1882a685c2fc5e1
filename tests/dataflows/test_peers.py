"""The machines of other tools can be written as specs in full."""

from __future__ import annotations

import math

import pytest

from chiploom.dataflows import SubAccelerator
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec

from .contract import check_accelerator

HEAD = """
clock: 1 GHz
dram: {bandwidth: unlimited, energy: 200 pJ/16 bit}
sub_accelerators:
"""

TIMELOOP_EYE168 = (
    HEAD
    + """
  - name: EYE168
    axes:
      - {name: X, size: 14, dims: [OX, K]}
      - {name: Y, size: 12, dims: [FY, C, K]}
    memories:
      - {name: ifmap, operands: I, size: 12 words of 16 bit, shared: none, buffering: single,
         energy: 1 pJ/16 bit, tiled: {I: []}}
      - {name: weights, operands: W, size: 192 words of 16 bit, shared: none, buffering: single,
         energy: 1 pJ/16 bit, tiled: {W: C FX}}
      - {name: psum, operands: O, size: 16 words of 16 bit, shared: none, buffering: single,
         energy: 1 pJ/16 bit, tiled: {O: K}}
      - {name: GLB, operands: I O, size: 65536 words of 16 bit, shared: all, buffering: single,
         energy: 6 pJ/16 bit}
    precision: {W: 16 bit, I: 16 bit, O: 16 bit, psum: 16 bit}
    mac: {energy: 1 pJ}
    vector: {lanes: 1, simple_energy: 0 pJ, special_energy: 0 pJ}
"""
)

TIMELOOP_S256 = (
    HEAD
    + """
  - name: S256
    axes:
      - {name: X, size: 16, dims: B K C OY OX FY FX}
      - {name: Y, size: 16, dims: B K C OY OX FY FX}
    memories:
      - {name: RF, operands: W I O, size: 256 words of 16 bit, shared: none, buffering: single,
         energy: 1 pJ/16 bit}
      - {name: GLB, operands: W I O, size: 65536 words of 16 bit, shared: all, buffering: single,
         energy: 6 pJ/16 bit}
    precision: {W: 16 bit, I: 16 bit, O: 16 bit, psum: 16 bit}
    mac: {energy: 1 pJ}
    vector: {lanes: 1, simple_energy: 0 pJ, special_energy: 0 pJ}
"""
)

ZIGZAG_TESLA = """
clock: 1 GHz
dram: {bandwidth: 64 bit/cycle, read_energy: 700 pJ/64 bit, write_energy: 750 pJ/64 bit}
sub_accelerators:
  - name: tesla_npu_like
    axes:
      - {name: D1, size: 32, dims: K}
      - {name: D2, size: 32, dims: OX}
      - {name: D3, size: 4, dims: OY}
    memories:
      - {name: rf_1B, operands: W, size: 8 bit, shared: [D2, D3], bandwidth: 8 bit/cycle,
         energy: 0.01 pJ/8 bit, buffering: auto}
      - {name: rf_4B, operands: O, size: 32 bit, shared: none, bandwidth: 32 bit/cycle,
         energy: 0.022 pJ/16 bit, buffering: auto}
      - {name: sram_1KB_I, operands: I, size: 1 KiB, shared: all, bandwidth: 256 bit/cycle,
         read_energy: 4.78 pJ/256 bit, write_energy: 5.59 pJ/256 bit, buffering: auto}
      - {name: sram_1KB_W, operands: W, size: 1 KiB, shared: all, bandwidth: 256 bit/cycle,
         read_energy: 4.78 pJ/256 bit, write_energy: 5.59 pJ/256 bit, buffering: auto}
      - {name: sram_1MB_A, operands: I O, size: 1 MiB, shared: all, bandwidth: 1024 bit/cycle,
         read_energy: 208.08 pJ/1024 bit, write_energy: 189.2 pJ/1024 bit, buffering: auto}
      - {name: sram_1MB_W, operands: W, size: 1 MiB, shared: all, bandwidth: 1024 bit/cycle,
         read_energy: 208.08 pJ/1024 bit, write_energy: 189.2 pJ/1024 bit, buffering: auto}
    precision: {W: 8 bit, I: 8 bit, O: 8 bit, psum: 16 bit}
    mac: {energy: 0.04 pJ}
    vector: {lanes: 32, simple_energy: 0.1 pJ, special_energy: 1 pJ}
"""


def machine(text: str) -> SubAccelerator:
    accelerator = parse_spec(parse_document(text, "x.yaml"), "x")
    (sub,) = accelerator.sub_accelerators
    return sub


def test_timeloop_eye168() -> None:
    sub = machine(TIMELOOP_EYE168)
    assert sub.pes == 168
    assert [m.size_bits for m in sub.memories] == [192, 3072, 256, 65536 * 16, None]
    assert [m.read_energy * 16 for m in sub.memories] == pytest.approx([1, 1, 1, 6, 200])
    assert [m.name for m in sub.levels("W")] == ["weights", "DRAM"]
    assert sub.levels("I")[0].tiled == {"I": ()}
    assert all(math.isinf(m.read_bandwidth) for m in sub.memories)
    assert sub.mac_energy == 1


def test_timeloop_s256() -> None:
    sub = machine(TIMELOOP_S256)
    assert sub.pes == 256
    assert [m.operands for m in sub.memories] == [("W", "I", "O")] * 3
    assert sub.instances(sub.memories[0]) == 256


def test_zigzag_tesla() -> None:
    sub = machine(ZIGZAG_TESLA)
    assert [sub.instances(m) for m in sub.memories] == [32, 4096, 1, 1, 1, 1, 1]
    check_accelerator(parse_spec(parse_document(ZIGZAG_TESLA, "x.yaml"), "x"))


def test_heterogeneous() -> None:
    """Several sub-accelerators on one DRAM."""
    text = """
technology: {node: 28 nm, mac_source: horowitz}
clock: 1 GHz
dram: {type: LPDDR4, bandwidth: 64 GB/s}
sub_accelerators:
  - {name: a, template: nvdla, parameters: {atomic_c: 16, atomic_k: 16}}
  - {name: b, template: shidiannao, parameters: {rows: 16, columns: 8}}
"""
    accelerator = parse_spec(parse_document(text, "x.yaml"), "x")
    check_accelerator(accelerator)
    assert [sub.template for sub in accelerator.sub_accelerators] == ["nvdla", "shidiannao"]
    first, second = accelerator.sub_accelerators
    assert first.dram.read_bandwidth == second.dram.read_bandwidth == 512
    assert "Horowitz" in first.mac_source
