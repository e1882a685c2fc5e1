"""What every accelerator owes the simulator. Used for every template and spec."""

from __future__ import annotations

import math
import pickle
from itertools import pairwise

from chiploom.dataflows import Accelerator, SubAccelerator
from chiploom.frontend.nest import DIMS, OPERANDS


def check_accelerator(accelerator: Accelerator) -> None:
    assert accelerator.name
    assert accelerator.clock_hz > 0
    assert accelerator.sub_accelerators
    assert pickle.loads(pickle.dumps(accelerator)) == accelerator
    for sub in accelerator.sub_accelerators:
        check_sub_accelerator(sub)


def check_sub_accelerator(sub: SubAccelerator) -> None:
    assert sub.axes
    axes = [axis.name for axis in sub.axes]
    assert len(set(axes)) == len(axes)
    for axis in sub.axes:
        assert axis.size >= 1
        assert axis.dims
        assert set(axis.dims) <= set(DIMS)
    names = [memory.name for memory in sub.memories]
    assert len(set(names)) == len(names)
    _check_dram(sub)
    for operand in OPERANDS:
        levels = sub.levels(operand)
        assert len(levels) >= 2, f"{operand} has no on-chip memory"
        for inner, outer in pairwise(levels):
            assert set(inner.shared) <= set(outer.shared)
            assert sub.instances(inner) % sub.instances(outer) == 0
    widths = {"W": sub.precision.W, "I": sub.precision.I, "O": sub.precision.O}
    for memory in sub.memories[:-1]:
        assert memory.size_bits is not None
        assert memory.size_bits >= sum(widths[operand] for operand in memory.operands)
        assert set(memory.shared) <= set(axes)
        assert set(memory.tiled) <= set(memory.operands)
        assert memory.read_bandwidth > 0
        assert memory.write_bandwidth > 0
        assert memory.source
        for cost in (memory.read_energy, memory.write_energy, memory.transfer_energy,
                     memory.area_mm2, memory.leakage_mw):  # fmt: skip
            assert math.isfinite(cost)
            assert cost >= 0
        if memory.area_mm2 == 0:
            assert "not given" in memory.source or "no area" in memory.source
    assert sub.levels("O")[0].size_bits >= sub.precision.psum  # type: ignore[operator]
    assert sub.mac_energy > 0
    assert sub.mac_source
    assert sub.cycles_per_mac >= 1
    assert sub.skew.cycles >= 0
    assert sub.vector.lanes >= 1
    assert sub.vector.simple_energy > 0
    assert sub.vector.special_energy > 0
    assert sub.vector.source


def _check_dram(sub: SubAccelerator) -> None:
    assert sub.dram is sub.memories[-1]
    assert sub.dram.operands == OPERANDS
    assert sub.dram.size_bits is None
    assert sub.instances(sub.dram) == 1
    assert sub.dram.source
    assert [memory for memory in sub.memories if memory.size_bits is None] == [sub.dram]
