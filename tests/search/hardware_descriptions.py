"""Descriptions of hardware spaces, short ones for tests."""

from __future__ import annotations

import pytest

from chiploom.dataflows import SpecError
from chiploom.dataflows.document import parse_document
from chiploom.search.hardware.space import HardwareSpace, parse_space

CHIP = """
technology: {node: 28 nm}
clock: 500 MHz
dram: {type: LPDDR4, bandwidth: 64 GB/s}
"""

TWO = """
sub_accelerators:
  - name: a
    pes: {from: 16, to: 48, step: 16}
    dram_bandwidth: {from: 8 GB/s, to: 24 GB/s, step: 8 GB/s}
    parameters: {psum_bits: 24 bit}
    any_of:
      - {template: nvdla, shape: [atomic_c, atomic_k],
         parameters: {cbuf: {from: 8 KiB, to: 32 KiB, factor: 2}}}
      - template: shidiannao
        shape: [rows, columns]
        parameters: {weight_bits: 8 bit, input_bits: 8 bit, output_bits: 8 bit}
  - {name: b, like: a}
  - name: c
    template: systolic-os
    dram_bandwidth: 16 GB/s
    parameters: {rows: {any_of: [4, 16, 8]}}
totals: {pes: 100}
"""


def space(subs: str, chip: str = CHIP) -> HardwareSpace:
    document = parse_document(chip + subs, "chip.yaml")
    return parse_space(document, document.data)


def one(text: str, chip: str = CHIP) -> HardwareSpace:
    """Of one sub-accelerator."""
    return space(f"sub_accelerators:\n  - {{name: a, {text}}}\n", chip)


def refused(text: str, chip: str = CHIP) -> list[str]:
    """The problems of a description that cannot be used."""
    with pytest.raises(SpecError) as caught:
        space(text, chip)
    return list(caught.value.problems)


def refused_sub(text: str) -> str:
    (problem,) = refused(f"sub_accelerators:\n  - {{name: a, {text}}}\n")
    return problem
