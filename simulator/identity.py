"""What determines the mapper's answer to a problem, and nothing else.

That is all that the kernel is given (`Problem.packed`) and what the unrollings follow from (the
axes). Left out are names, areas, sources, the vector unit and the widest operands of the datapath
(the deployed widths count), and two things that do not matter beyond a point:

- The size of an axis beyond what the nest can use (`spatial.useful_sizes`): the mapspace of the
  larger axis is the same.
- How many instances a memory has beyond one: the kernel counts what the mapping uses, and asks
  only whether there are several.

Names of axes count all the same: ties between unrollings are broken by them.
"""

from __future__ import annotations

import hashlib

import numpy as np

from ..dataflows.accelerator import Axis
from .problem import LAYER_INTEGERS, Problem, Reals
from .spatial import useful_sizes


def layer_part(problem: Problem) -> bytes:
    """Of an identity, what the loop nest and its widths give."""
    return problem.packed()[0][:LAYER_INTEGERS].tobytes()


def hardware_part(problem: Problem, *, bandwidths: bool = True) -> bytes:
    """Of an identity, what the sub-accelerator gives: all but the sizes of its axes."""
    integers, reals = problem.packed()
    axes = ";".join(axis_part(axis) for axis in problem.sub.axes)
    numbers = one_or_several(reals[1:], len(problem.sub.memories))
    if not bandwidths:
        numbers[1 : 1 + 5 * len(problem.sub.memories)].reshape(-1, 5)[:, :2] = 0
    return integers[LAYER_INTEGERS:].tobytes() + numbers.tobytes() + axes.encode()


def axis_part(axis: Axis) -> str:
    """Of an identity, what an axis gives but for its size."""
    limits = "".join(f" {dim}<={most}" for dim, most in axis.most)
    return f"{axis.name}:{' '.join(axis.dims)}{limits}"


def survey_identity(problem: Problem) -> bytes:
    """As `identity`, for what does not depend on bandwidths (`mapper.Survey`)."""
    return identity(problem, bandwidths=False)


def identity(problem: Problem, *, bandwidths: bool = True) -> bytes:
    """32 bytes, equal where the answers are equal to the last bit."""
    digest = hashlib.sha256(layer_part(problem))
    digest.update(repr((float(problem.leakage), useful_sizes(problem.nest, problem.sub))).encode())
    digest.update(hardware_part(problem, bandwidths=bandwidths))
    return digest.digest()


def one_or_several(reals: Reals, memories: int) -> Reals:
    """Packed numbers with instances, which stand last, told apart only as one or several."""
    numbers = reals + 0.0  # a copy, and no negative zeros
    numbers[-memories:] = np.minimum(numbers[-memories:], 2.0)
    return numbers
