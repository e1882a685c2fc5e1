"""Random executions of tile programs, and the direct computation they are held against."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import assume
from hypothesis import strategies as st

from chiploom.dataflows.accelerator import SubAccelerator
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator.addresses import operand_shape
from chiploom.simulator.mapping import Mapping
from chiploom.simulator.problem import Problem

from .problem_strategies import mappings, nests, sub_accelerators

Array = npt.NDArray[Any]


def roomy(sub: SubAccelerator) -> SubAccelerator:
    """The same with memories that any tile fits in."""
    return replace(sub, memories=tuple(replace(m, size_bits=None) for m in sub.memories))


@st.composite
def in_turn(draw: st.DrawFn, sub: SubAccelerator) -> SubAccelerator:
    """The same, or with a memory that fills after another one."""
    memories = list(sub.memories)
    pairs = [
        (number, first.name)
        for number, memory in enumerate(memories[:-1])
        for first in memories[:-1]
        if not set(memory.operands) & set(first.operands)
    ]
    if pairs and draw(st.booleans()):
        number, first = draw(st.sampled_from(pairs))
        memories[number] = replace(memories[number], fills_after=first)
    return replace(sub, memories=tuple(memories))


@st.composite
def cases(draw: st.DrawFn, macs: int = 1000) -> tuple[Problem, Mapping]:
    """A random layer on a random array by a random mapping, some of them out of any order."""
    nest = draw(nests(4, sequential=True))
    assume(nest.macs <= macs)
    sub = roomy(draw(in_turn(draw(sub_accelerators()))))
    mapping = replace(draw(mappings(nest, sub)), reload=draw(st.booleans()))
    return Problem(nest, OperandBits(8, 8, 8), 24, sub), mapping


def data(nest: LoopNest, seed: int = 0) -> tuple[Array, Array]:
    """Random weights and inputs."""
    random = np.random.default_rng(seed)
    shapes = operand_shape(nest, "W"), operand_shape(nest, "I")
    return tuple(random.integers(-50, 50, shape) for shape in shapes)  # type: ignore[return-value]


def direct(nest: LoopNest, weights: Array, inputs: Array) -> Array:
    """The loop nest by its definition: one multiply-accumulate of whole planes per tap."""
    outputs = np.zeros(operand_shape(nest, "O"), np.int64)
    for fy in range(nest["FY"]):
        for fx in range(nest["FX"]):
            for oy in range(nest["OY"]):
                for ox in range(nest["OX"]):
                    iy = nest.stride[0] * oy + nest.dilation[0] * fy - nest.pad[0]
                    ix = nest.stride[1] * ox + nest.dilation[1] * fx - nest.pad[1]
                    if 0 <= iy < nest.input_size[0] and 0 <= ix < nest.input_size[1]:
                        outputs[:, :, :, oy, ox] += np.einsum(
                            "gkc,bgc->bgk", weights[:, :, :, fy, fx], inputs[:, :, :, iy, ix]
                        )
    return outputs
