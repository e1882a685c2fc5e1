"""No work twice, and no answer that the mapper would not give."""

from __future__ import annotations

import json
import pickle
import threading
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chiploom.dataflows import load_spec
from chiploom.dataflows.accelerator import (
    Axis,
    Bursts,
    Commands,
    Memory,
    Only,
    Precision,
    Skew,
    SubAccelerator,
    VectorUnit,
)
from chiploom.dataflows.resources import Resources
from chiploom.frontend import load_onnx
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator import (
    MappingCache,
    NoMappingError,
    Problem,
    map_nest,
    simulate,
)
from chiploom.simulator import cache as cache_module
from chiploom.simulator.identity import identity, survey_identity
from chiploom.simulator.mapper import survey
from chiploom.simulator.plain import (
    PlainError,
    mapped_from_plain,
    mapped_to_plain,
    mapping_from_plain,
    mapping_to_plain,
)
from chiploom.simulator.problem import Hardware
from chiploom.simulator.threads import completed

from .problem_strategies import mappings, nests, sub_accelerators

BITS = OperandBits(8, 8, 8)
CONV = LoopNest((1, 1, 8, 4, 6, 6, 3, 3), pad=(1, 1), input_size=(6, 6))


def problem(channels: int = 4, spec: str = "nvdla-small") -> Problem:
    (sub,) = load_spec(spec).sub_accelerators
    nest = replace(CONV, sizes=(1, 1, 8, channels, 6, 6, 3, 3))
    return Problem(nest, BITS, 24, sub, 0.5)


# -- what determines an answer --------------------------------------------------------------------
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_hit_equals_a_miss_to_the_last_bit(data: st.DataObject) -> None:
    asked = Problem(
        data.draw(nests(3, sequential=True)),
        BITS,
        24,
        data.draw(sub_accelerators()),
        data.draw(st.sampled_from([0.0, 3.0])),
    )
    objective = data.draw(st.sampled_from(["latency", "energy", "edp"]))
    cache = MappingCache()
    try:
        alone = map_nest(asked, objective)
    except NoMappingError as error:
        for _ in range(2):
            with pytest.raises(NoMappingError) as raised:
                cache.map(asked, objective)
            assert str(raised.value) == str(error)  # noqa: PT017
    else:
        assert cache.map(asked, objective) == alone == cache.map(asked, objective)
        plain = json.loads(json.dumps(mapped_to_plain(alone, asked.sub)))
        assert mapped_from_plain(plain, asked, objective) == alone
    assert (cache.counts.mapped, cache.counts.hits) == (1, 1)


#: Per class: fields that change the answer, with another value; all other fields must not.
SUB = replace(problem().sub, skew=Skew(3, "layer", "W"))
TELLING = {
    SubAccelerator: {
        "axes": (Axis("c", 2, ("C",)), SUB.axes[1]),
        "memories": SUB.memories[1:],
        "mac_energy": 9.0,
        "cycles_per_mac": 2,
        "skew": Skew(4, "layer", "W"),
    },
    Memory: {
        "operands": ("W",),
        "size_bits": 12_345_678,
        "shared": ("c",),
        "read_bandwidth": 7.0,
        "write_bandwidth": 7.0,
        "one_port": True,
        "read_energy": 7.0,
        "write_energy": 7.0,
        "transfer_energy": 7.0,
        "buffering": "single",
        "sliding": True,
        "complete_outputs": True,
        "tiled": {"I": ("C",)},
    },
    Axis: {"name": "other", "size": 3, "dims": ("C", "K"), "most": (("K", 2),)},
    Skew: {"cycles": 4, "per": "fold", "operand": "I"},
    LoopNest: {
        "sizes": (1, 1, 8, 4, 6, 6, 3, 2),
        "stride": (1, 2),
        "dilation": (1, 2),
        "pad": (0, 1),
        "input_size": (6, 7),
        "sequential": ("B",),
    },
    OperandBits: {"W": 7, "I": 7, "O": 7},
    Problem: {"nest": replace(CONV, pad=(0, 0)), "psum_bits": 25, "leakage": 0.25}
    | {"bits": OperandBits(8, 8, 7), "sub": replace(SUB, mac_energy=9.0)},
}
SILENT = {
    SubAccelerator: {
        "name": "other",
        "template": "other",
        "precision": Precision(99, 99, 99, 99),
        "vector": VectorUnit(99),
        "mac_area_mm2": 9.0,
        "mac_leakage_mw": 9.0,
        "mac_source": "other",
        "parameters": {"a": "b"},
        "dram_reserved": True,  # its bandwidth tells
        "commands": Commands("OX", 16, 8.0, 16),  # at `cycle` fidelity only
        "resources": {"mac": Resources(dsps=9)},
        "resource_sources": {"mac": "other"},
        # each mode is a problem of its own, of layers that it takes
        "mode": "other",
        "only": Only((3, 3)),
        "modes": (replace(SUB, mode="other"),),
    },
    Memory: {
        "name": "other",
        "area_mm2": 9.0,
        "leakage_mw": 9.0,
        "source": "other",
        # at `cycle` fidelity only
        "latency": 9.0,
        "bursts": Bursts(64, 512, 9.0),
        "fills_after": "cacc",
        "swaps_with": "cacc",  # of the scheduler
    },
    Axis: {},
    Skew: {},
    LoopNest: {},
    OperandBits: {},
    Problem: {"hardware": Hardware.of(problem(spec="eyeriss").sub)},  # of another: not used
}
#: What the mapper does not take: no answer is kept.
REFUSED = {Memory: ("transfer_bandwidth",)}


def changed(kind: type, name: str, value: object) -> Problem:
    """The problem with one field of one of its parts changed."""
    base = Problem(CONV, BITS, 24, SUB, 0.5)
    change = {name: value}
    if kind is Problem:
        return replace(base, **change)  # type: ignore[arg-type]
    if kind is LoopNest:
        return replace(base, nest=replace(CONV, **change))  # type: ignore[arg-type]
    if kind is OperandBits:
        return replace(base, bits=replace(BITS, **change))  # type: ignore[arg-type]
    if kind is SubAccelerator:
        return replace(base, sub=replace(SUB, **change))  # type: ignore[arg-type]
    if kind is Memory:
        first, second, cbuf, dram = SUB.memories
        memories = (first, second, replace(cbuf, **change), dram)  # type: ignore[arg-type]
        return replace(base, sub=replace(SUB, memories=memories))
    if kind is Axis:
        axes = (replace(SUB.axes[0], **change), SUB.axes[1])  # type: ignore[arg-type]
        return replace(base, sub=replace(SUB, axes=axes))
    return replace(base, sub=replace(SUB, skew=replace(SUB.skew, **change)))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", TELLING, ids=lambda kind: kind.__name__)
def test_every_field_is_told_apart_or_left_out_on_purpose(kind: type) -> None:
    base = identity(Problem(CONV, BITS, 24, SUB, 0.5))
    assert {f.name for f in fields(kind)} == {*TELLING[kind], *SILENT[kind], *REFUSED.get(kind, ())}
    for name, value in TELLING[kind].items():
        assert identity(changed(kind, name, value)) != base, name
    for name, value in SILENT[kind].items():
        assert identity(changed(kind, name, value)) == base, name


def test_other_names_get_the_answer_under_their_own() -> None:
    cache, asked = MappingCache(), problem()
    cache.map(asked, "edp")
    memories = tuple(replace(m, name=m.name.upper()) for m in asked.sub.memories)
    renamed = replace(asked, sub=replace(asked.sub, memories=memories))
    assert cache.map(renamed, "edp") == map_nest(renamed, "edp")
    assert (cache.counts.mapped, cache.counts.hits) == (1, 1)


def test_objective_and_effort_are_told_apart() -> None:
    cache, asked = MappingCache(), problem()
    cache.map(asked, "edp")
    cache.map(asked, "latency")
    cache.map(asked, "edp", "thorough")
    assert cache.counts.mapped == 3


# -- in memory ------------------------------------------------------------------------------------
def test_the_answers_not_asked_for_longest_leave_first() -> None:
    cache = MappingCache(2)
    first, second, third = problem(1), problem(2), problem(3)
    for asked in (first, second, first, third, first, second):
        cache.map(asked, "edp")
    assert cache.counts.entries == 2
    assert cache.counts.mapped == 4  # `second` twice
    assert cache.counts.hits == 2


def test_threads_that_ask_the_same_wait_for_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, begun, go = problem(), threading.Event(), threading.Event()

    def slow(*arguments: object, **options: object) -> object:
        begun.set()
        go.wait(10)
        return map_nest(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(cache_module, "map_nest", slow)
    cache = MappingCache()
    tasks = [lambda: cache.map(asked, "edp")] * 4
    threading.Thread(target=lambda: begun.wait(10) and go.set()).start()
    answers = [answer for _, answer in completed(tasks, 4)]
    assert all(answer == answers[0] for answer in answers)
    assert (cache.counts.mapped, cache.counts.hits) == (1, 3)


def test_an_exception_leaves_no_one_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise MemoryError("no more")

    cache, asked = MappingCache(), problem()
    monkeypatch.setattr(cache_module, "map_nest", broken)
    with pytest.raises(MemoryError):
        cache.map(asked, "edp")
    monkeypatch.undo()
    assert cache.map(asked, "edp") == map_nest(asked, "edp")


def test_equal_layers_of_networks_and_calls_are_mapped_once() -> None:
    graph, accelerator, cache = load_onnx("resnet9", bits=8), load_spec("nvdla-small"), None
    cache = MappingCache()
    first = simulate([graph, graph], accelerator, cache=cache)
    mapped = cache.counts.mapped
    assert mapped == len({layer.nest for layer in graph.compute_layers})
    second = simulate([graph, graph], accelerator, cache=cache)
    assert cache.counts.mapped == mapped
    assert first.to_json() == second.to_json() == simulate([graph, graph], accelerator).to_json()


def test_tasks_not_begun_are_dropped_when_one_fails() -> None:
    ran: list[int] = []

    def task(number: int) -> int:
        if number == 0:
            raise KeyboardInterrupt
        ran.append(number)
        threading.Event().wait(0.01)
        return number

    tasks = [lambda n=n: task(n) for n in range(200)]  # type: ignore[misc]
    with pytest.raises(KeyboardInterrupt):
        list(completed(tasks, 2))
    assert len(ran) < 100
    assert sorted(completed([lambda: 5, lambda: 6], 2)) == [(0, 5), (1, 6)]


def test_a_pickled_cache_is_an_empty_one_of_the_same_settings(tmp_path: Path) -> None:
    with MappingCache(7, path=tmp_path) as cache:
        cache.map(problem(), "edp")
    copy = pickle.loads(pickle.dumps(cache))
    assert copy.counts.entries == 0
    assert copy.map(problem(), "edp") == map_nest(problem(), "edp")
    assert copy.counts.loaded == 1
    copy.close()


def test_bounds_that_hold_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="entries: expected at least 1"):
        MappingCache(0)
    with pytest.raises(ValueError, match="max_bytes: expected at least"):
        MappingCache(max_bytes=1)


# -- plain data -----------------------------------------------------------------------------------
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_mappings_are_read_back_as_they_were(data: st.DataObject) -> None:
    nest, sub = data.draw(nests()), data.draw(sub_accelerators())
    mapping = data.draw(mappings(nest, sub))
    plain = json.loads(json.dumps(mapping_to_plain(mapping, sub)))
    assert mapping_from_plain(plain, sub) == mapping


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 100) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_no_answer_is_refused(data: st.DataObject) -> None:
    """A true answer with one part replaced is refused, unless it is still one."""
    asked = problem()
    alone = map_nest(asked, "edp")
    plain = json.loads(json.dumps(mapped_to_plain(alone, asked.sub)))
    at: list | dict = plain  # type: ignore[type-arg]
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], list) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(JSON)
    try:
        read = mapped_from_plain(plain, asked, "edp")
    except PlainError:
        return
    assert (read.value, read.cost.overflow) == (alone.value, None)
    assert read.lower_bound <= read.value


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_surveys_do_not_depend_on_bandwidths(data: st.DataObject) -> None:
    nest, sub = data.draw(nests(3)), data.draw(sub_accelerators())
    objective = data.draw(st.sampled_from(["energy", "edp"]))
    rates = st.sampled_from([1.0, 3.0, 1e9, float("inf")])
    memories = tuple(
        replace(m, read_bandwidth=data.draw(rates), write_bandwidth=data.draw(rates))
        for m in sub.memories
    )
    one = Problem(nest, BITS, 24, sub, 3.0)
    other = replace(one, sub=replace(sub, memories=memories))
    assert survey_identity(one) == survey_identity(other)
    first, second = survey(one), survey(other)
    assert first.spatials == second.spatials
    for number in range(len(first.spatials)):
        first.look(one, number, objective)
        second.look(other, number, objective)
    for a, b in ((first.floors, second.floors), (first.raised, second.raised)):
        assert (a == b).all()
