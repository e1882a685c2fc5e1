"""Random small layers, accelerators and mappings."""

from __future__ import annotations

from hypothesis import strategies as st

from chiploom.dataflows.accelerator import Axis, Memory, Precision, SubAccelerator, VectorUnit
from chiploom.frontend.nest import DIMS, OPERANDS, Dim, LoopNest
from chiploom.simulator.mapping import Loop, Mapping, Unroll, check


@st.composite
def nests(draw: st.DrawFn, largest: int = 5, *, sequential: bool = False) -> LoopNest:
    """A random nest with strides, dilations, padding and cropping."""
    b, g = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    k, c = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    oy, ox = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    fy, fx = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    dilation = (draw(st.integers(1, 3)), draw(st.integers(1, 2)))
    pad = (draw(st.integers(-1, 2)), draw(st.integers(0, 2)))
    reach_y = stride[0] * (oy - 1) + dilation[0] * (fy - 1) + 1 - pad[0]
    reach_x = stride[1] * (ox - 1) + dilation[1] * (fx - 1) + 1 - pad[1]
    size = (
        max(1, reach_y + draw(st.integers(-2, 1))),
        max(1, reach_x + draw(st.integers(-2, 1))),
    )
    order: tuple[Dim, ...] = ("B",) if sequential and draw(st.booleans()) else ()
    return LoopNest((b, g, k, c, oy, ox, fy, fx), stride, dilation, pad, size, order)


@st.composite
def small_nests(draw: st.DrawFn, largest: int = 6) -> LoopNest:
    """A random nest of up to three dims larger than 1."""
    sizes = [1] * 8
    for dim in draw(st.permutations(range(8)))[:3]:
        sizes[dim] = draw(st.integers(1, largest))
    stride, pad = draw(st.integers(1, 2)), draw(st.integers(0, 1))
    extent = [max(1, stride * (sizes[4 + a] - 1) + sizes[6 + a] - 2 * pad) for a in range(2)]
    sequential: tuple[Dim, ...] = ("B",) if draw(st.booleans()) else ()
    return LoopNest(
        tuple(sizes),  # type: ignore[arg-type]
        (stride, stride),
        (1, 1),
        (pad, pad),
        (extent[0], extent[1]),
        sequential,
    )


@st.composite
def sub_accelerators(draw: st.DrawFn) -> SubAccelerator:
    """A random array with one to three on-chip levels, some bypassed, some replicated."""
    axes = tuple(
        Axis(name, draw(st.integers(1, 4)), DIMS)
        for name in ("row", "column")[: draw(st.integers(1, 2))]
    )
    memories: list[Memory] = []
    shared: tuple[str, ...] = ()
    for number in range(draw(st.integers(1, 3))):
        names = tuple(axis.name for axis in axes)
        more = draw(st.sampled_from([shared, *(tuple(sorted({*shared, n})) for n in names), names]))
        shared = more
        memories.append(
            Memory(
                f"m{number}",
                tuple(o for o in OPERANDS if draw(st.booleans())) or ("I",),
                draw(st.sampled_from([64, 256, 1024, 8192])),
                shared,
                read_bandwidth=draw(st.sampled_from([4.0, 16.0, 64.0])),
                write_bandwidth=draw(st.sampled_from([4.0, 16.0, 64.0])),
                one_port=draw(st.booleans()),
                read_energy=draw(st.sampled_from([0.1, 0.5])),
                write_energy=draw(st.sampled_from([0.1, 0.7])),
                transfer_energy=draw(st.sampled_from([0.0, 0.05])),
                buffering=draw(st.sampled_from(["single", "double", "auto"])),
                sliding=draw(st.booleans()),
            )
        )
    memories.append(
        Memory(
            "dram",
            OPERANDS,
            None,
            tuple(axis.name for axis in axes),
            read_bandwidth=draw(st.sampled_from([8.0, 32.0])),
            write_bandwidth=8.0,
            read_energy=10.0,
            write_energy=12.0,
        )
    )
    return SubAccelerator(
        "sub", "random", axes, tuple(memories), Precision(8, 8, 8, 24), 0.2, VectorUnit(4)
    )


@st.composite
def mappings(draw: st.DrawFn, nest: LoopNest, sub: SubAccelerator) -> Mapping:
    """A random well-formed mapping: ragged, uneven, any loop order."""
    spatial: list[Unroll] = []
    for axis in sub.axes:
        left = axis.size
        for dim in draw(st.permutations(DIMS))[: draw(st.integers(0, 2))]:
            if dim in nest.sequential:
                continue
            factor = draw(st.integers(1, min(left, nest[dim])))
            if factor > 1:
                spatial.append(Unroll(axis.name, dim, factor))
                left //= factor
    loops: list[Loop] = []
    last: list[Loop] = []
    probe = Mapping.in_space(tuple(spatial))
    for dim in DIMS:
        steps = probe.steps(nest, dim)
        while steps > 1:
            factor = draw(st.integers(2, steps))
            (last if dim in nest.sequential else loops).append(Loop(dim, factor))
            steps = -(-steps // factor)
    temporal = (*draw(st.permutations(loops)), *last)
    boundaries = tuple(
        tuple(sorted(draw(st.integers(0, len(temporal))) for _ in sub.levels(operand)[:-1]))
        for operand in OPERANDS
    )
    doubled = tuple(
        tuple(
            m.buffering == "double" or (m.buffering == "auto" and draw(st.booleans()))
            for m in sub.levels(operand)[:-1]
        )
        for operand in OPERANDS
    )
    mapping = Mapping(tuple(spatial), temporal, boundaries, doubled)  # type: ignore[arg-type]
    assert check(mapping, nest, sub) == []
    return mapping
