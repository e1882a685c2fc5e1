"""Random scheduling problems: realistic ones, and small ones of every kind."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from chiploom.simulator.scheduling.instance import WHOLE, Instance

Edges = list[tuple[int, int]]


def network(random: np.random.Generator, layers: int, first: int) -> Edges:
    """A chain of blocks, some with a skip connection, some with a branch of their own.

    Args:
        first: number of the first task.
    """
    edges: Edges = []
    end = first
    while end < first + layers - 1:
        room = first + layers - 1 - end
        kind = random.choice(["plain", "skip", "branch"])
        length = int(min(room, random.integers(1, 4)))
        block = list(range(end, end + length + 1))
        edges += itertools.pairwise(block)
        if kind == "skip" and length > 1:
            edges.append((block[0], block[-1]))
        if kind == "branch" and length > 1 and room > length:
            # The last task of the block joins it with a branch off the block's input.
            join, extra = block[-1] + 1, block[-1]
            edges = [(a, b) for a, b in edges if b != extra]
            edges += [(block[0], extra), (extra, join), (block[-2], join)]
            end = join
        else:
            end = block[-1]
    return edges


def feeders(count: int, edges: Edges) -> list[int]:
    """The task whose output only this one takes, the first such; -1 none."""
    consumers = np.bincount([a for a, _ in edges], minlength=count) if edges else [0] * count
    found = [-1] * count
    for a, b in edges:
        if consumers[a] == 1 and found[b] < 0:
            found[b] = a
    return found


def realistic(
    random: np.random.Generator,
    networks: tuple[int, ...],
    machines: int,
    *,
    leakage: bool = False,
    pressure: float = 1.0,
    releases: bool = False,
    own_bandwidth: float = 0.2,
) -> Instance:
    """Networks of layers on machines of different size, energy and affinity.

    A layer has MACs and bytes. On a machine it computes for its MACs over the machine's rate, less
    where the machine does not suit its kind, and moves its bytes meanwhile; the longer of both is
    its duration, and the DRAM's mean share follows. What stays saves its bytes.

    Args:
        networks: layers of each; pressure: scales the bytes.
        releases: later networks start later.
        own_bandwidth: probability of a machine with a DRAM port of its own.
    """
    count = sum(networks)
    edges: Edges = []
    first = 0
    release = np.zeros(count, np.int64)
    for number, layers in enumerate(networks):
        edges += network(random, layers, first)
        if releases and number:
            release[first : first + layers] = random.integers(0, 20000)
        first += layers
    feeder = np.array(feeders(count, edges), np.int64)
    kind = random.integers(0, 3, count)  # early, late, depthwise: one suits each dataflow
    macs = np.exp(random.uniform(math.log(2e5), math.log(4e6), count))
    output = np.exp(random.uniform(math.log(1e3), math.log(5e4), count)) * pressure
    weights = np.exp(random.uniform(math.log(5e2), math.log(1e5), count)) * pressure
    inputs = np.where(feeder >= 0, output[feeder], output.mean())
    bandwidth = 16.0  # bytes per cycle

    rate = random.choice([128, 256, 512], machines).astype(float)
    suits = random.uniform(0.15, 1.0, (3, machines))
    mac_energy = random.uniform(0.2, 1.0, machines) * (rate / 256) ** 0.25
    own = random.random(machines) < own_bandwidth
    compute = macs[:, None] / (rate * suits[kind])
    moved = np.broadcast_to((inputs + output + weights)[:, None], compute.shape)
    kept = np.maximum(moved - np.where(feeder >= 0, inputs, 0)[:, None], 0)

    def timed(volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        duration = np.ceil(np.maximum(compute, volume / bandwidth)).astype(np.int64)
        share = np.ceil(volume / (duration * bandwidth) * WHOLE).astype(np.int64)
        return duration, np.where(own, 0, np.minimum(share, WHOLE))

    duration, share = timed(moved)
    stay_duration, stay_share = timed(kept)
    energy = macs[:, None] * mac_energy / suits[kind] ** 0.5 + 20.0 * moved
    # The producer's write of the tensor is saved as well as the read of it.
    stay_energy = energy - np.where(feeder >= 0, 2 * 20.0 * inputs, 0)[:, None]
    capacity = np.exp(random.uniform(math.log(4e3), math.log(8e4), machines))
    fits = (feeder >= 0)[:, None] & (inputs[:, None] <= capacity)
    power = float(energy.min(axis=1).sum() / duration.min(axis=1).sum())
    return Instance(
        names=tuple(f"layer{n}" for n in range(count)),
        machines=tuple(f"machine{n}" for n in range(machines)),
        duration=duration,
        energy=energy,
        share=share,
        feeder=feeder,
        fits=fits,
        stay_duration=stay_duration,
        stay_energy=stay_energy,
        stay_share=stay_share,
        edges=np.array(edges, np.int64).reshape(-1, 2),
        release=release,
        deadline=np.full(count, -1, np.int64),
        priority=np.zeros(count, np.int64),
        leakage=0.3 * power if leakage else 0.0,
    )


@st.composite
def realistic_instances(draw: st.DrawFn, largest: int = 7) -> Instance:
    """Two or three networks, at most `largest` layers together, on two to four machines."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    count = draw(st.integers(2, 3))
    sizes = [1] * count
    for _ in range(draw(st.integers(0, largest - count))):
        sizes[draw(st.integers(0, count - 1))] += 1
    return realistic(
        random,
        tuple(sizes),
        draw(st.integers(2, 4)),
        leakage=draw(st.booleans()),
        pressure=draw(st.sampled_from([0.0, 0.3, 1.0, 4.0])),
        releases=draw(st.booleans()),
        own_bandwidth=draw(st.sampled_from([0.0, 0.5])),
    )


@st.composite
def instances(draw: st.DrawFn, largest: int = 6, machines: int = 3) -> Instance:
    """Small instances of every kind: short durations, ties, tasks that few machines can run,
    tensors that stay at a higher share or for no gain, releases, priorities."""
    count, on = draw(st.integers(1, largest)), draw(st.integers(1, machines))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    edges = sorted(draw(st.sets(st.sampled_from(pairs), max_size=2 * count))) if pairs else []
    found = np.array(feeders(count, edges), np.int64)

    def table(entries: st.SearchStrategy[int]) -> np.ndarray:
        cells = draw(st.lists(entries, min_size=count * on, max_size=count * on))
        return np.array(cells, np.int64).reshape(count, on)

    def row(entries: st.SearchStrategy[int]) -> np.ndarray:
        return np.array(draw(st.lists(entries, min_size=count, max_size=count)), np.int64)

    shares = st.sampled_from([0, 0, WHOLE // 4, WHOLE // 2, WHOLE // 2 + 1, WHOLE])
    duration = table(st.integers(1, 6))
    able = table(st.sampled_from([1, 1, 1, 0])) > 0
    able[np.arange(count), row(st.integers(0, on - 1))] = True
    energy = table(st.integers(20, 60)).astype(float)
    saved = table(st.integers(0, 19)) * (found >= 0)[:, None]
    return Instance(
        names=tuple(f"t{n}" for n in range(count)),
        machines=tuple(f"m{n}" for n in range(on)),
        duration=np.where(able, duration, -1),
        energy=np.where(able, energy, np.nan),
        share=table(shares),
        feeder=found,
        fits=(table(st.sampled_from([0, 1, 1])) > 0) & (found >= 0)[:, None] & able,
        stay_duration=np.where(able, np.maximum(duration - table(st.integers(0, 3)), 1), -1),
        stay_energy=np.where(able, energy - saved, np.nan),
        stay_share=table(shares),
        edges=np.array(edges, np.int64).reshape(-1, 2),
        release=row(st.sampled_from([0, 0, 0, 2, 7])),
        deadline=np.full(count, -1, np.int64),
        priority=row(st.sampled_from([0, 0, 1])),
        leakage=draw(st.sampled_from([0.0, 1.5])),
    )


def with_deadlines(instance: Instance, deadline: np.ndarray) -> Instance:
    """The instance with other deadlines."""
    return replace(instance, deadline=np.asarray(deadline, np.int64))
