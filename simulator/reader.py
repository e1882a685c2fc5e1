"""Results read back from their JSON, checked: a report trusts what comes out of here."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from pydantic import TypeAdapter, ValidationError

from ..dataflows.resources import LABELS
from ..dataflows.versions import mismatch
from ..frontend.errors import InputError
from .result import SCHEMA, LayerResult, Result, ScheduleSummary

#: Larger counts are no result of ours, and would not be exact in a figure.
MOST: Final = 2**63
_MOST_OF: Final = {"energy_by_component": 1e100, "traffic": MOST, "dims": MOST}
_MOST_ERRORS = 5


def read_result(path: str | os.PathLike[str]) -> Result:
    """The result in a file that `Result.write_json` or `chiploom simulate --json` wrote.

    Raises:
        InputError: it cannot be read, or is none; the message says where and what was expected.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: expected a result in JSON, found no text; {_HOW}") from None
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected a result in JSON: {error}; {_HOW}") from None
    return result_from_json(document, str(path))


_HOW = "write one with `chiploom simulate … --json`"


def result_from_json(document: object, where: str = "result") -> Result:
    """The result that a document of `Result.to_json` describes. Unknown keys are passed over.

    Args:
        where: the file, for messages.

    Raises:
        InputError: it is none.
    """
    found = document.get("schema") if isinstance(document, dict) else type(document).__name__
    problem = mismatch(SCHEMA, found, _HOW)
    if problem or not isinstance(document, dict):
        raise InputError(f"{where}: {problem}")
    try:
        # As text once more: only there do strict types take a list for a tuple.
        result = _ADAPTER.validate_json(json.dumps(_shaped(document)), strict=True)
    except ValidationError as error:
        raise InputError(_message(where, error)) from None
    problems = list(_problems(result))
    if problems:
        raise InputError(f"{where}: {problems[0]}; {_HOW}")
    return result


_ADAPTER: Final = TypeAdapter(Result)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"found {constant}, which is no number")


def _shaped(document: dict[str, Any]) -> dict[str, Any]:
    """The document in the form of the dataclasses."""
    shaped = dict(document)
    spec, layers, models = (shaped.get(key) for key in ("spec", "layers", "models"))
    if isinstance(spec, dict):
        shaped["spec"] = {
            **spec,
            "area_by_component": document.get("area_by_component"),
            "device": _device(document.get("resources")),
        }
    if isinstance(layers, list):
        shaped["layers"] = [
            {**layer, "traffic": layer.get("traffic_bits")} if isinstance(layer, dict) else layer
            for layer in layers
        ]
    gaps = document.get("not_modelled")
    if isinstance(models, list) and isinstance(gaps, list):
        shaped["models"] = [
            {**model, "not_modelled": _gaps(gaps, model.get("name"))}
            if isinstance(model, dict)
            else model
            for model in models
        ]
    return shaped


def _device(resources: Any) -> Any:
    """Resources in the form of `DeviceSummary`; sums are computed anew."""
    if not isinstance(resources, dict):
        return resources
    names = {"device": "name", "by_component": "used", "part": "part", "available": "available"}
    return {ours: resources.get(theirs) for theirs, ours in names.items()}


def _gaps(gaps: list[Any], model: object) -> list[Any]:
    """The entries of one network, without its name."""
    return [
        {key: value for key, value in gap.items() if key != "model"}
        for gap in gaps
        if isinstance(gap, dict) and gap.get("model") == model
    ]


def _message(where: str, error: ValidationError) -> str:
    """Every error with its place, the first few of them."""
    lines: list[str] = []
    for details in error.errors(include_url=False):
        place = ".".join(str(part) for part in details["loc"]) or "the document"
        if details["type"] == "missing":
            lines.append(f"{place}: expected a value, it is missing")
        else:
            found = repr(details["input"])
            found = found if len(found) <= 60 else found[:57] + "..."
            lines.append(f"{place}: {details['msg'].lower()}, found {found}")
    shown = lines[:_MOST_ERRORS]
    if len(lines) > len(shown):
        shown.append(f"and {len(lines) - len(shown)} more")
    return "\n".join([f"{where}: expected a result of {SCHEMA}; {_HOW}", *shown])


def _problems(result: Result) -> Iterator[str]:
    """What types do not say."""
    spec = result.spec
    if not 0 < spec.clock_hz < math.inf:
        yield f"spec.clock_hz: expected more than 0, found {spec.clock_hz}"
    if not 1 <= spec.pes <= MOST:
        yield f"spec.pes: expected at least 1, found {spec.pes}"
    for array in spec.arrays:
        if array.name not in spec.sub_accelerators or not array.memories:
            yield f"spec.arrays: {array.name!r}: expected a sub-accelerator with memories"
        if not 0 < array.macs_per_cycle < math.inf:
            yield f"spec.arrays: {array.name!r}: expected more than 0 macs_per_cycle"
        for memory in array.memories:
            if not (memory.bandwidth > 0 and memory.instances > 0 and (memory.size_bits or 0) >= 0):
                yield f"spec.arrays: {array.name!r}: {memory.name!r}: expected sizes of at least 0"
    if any(not 0 <= area < math.inf for area in spec.area_by_component.values()):
        yield "area_by_component: expected numbers of at least 0"
    if spec.device is not None:
        counts = [spec.device.available, *spec.device.used.values()]
        if set(LABELS) - set(spec.device.available):
            yield f"resources.available: expected {', '.join(LABELS)}"
        if any(not 0 <= count <= MOST for held in counts for count in held.values()):
            yield "resources: expected counts of at least 0, below 2^63"
    for model in result.models:
        if not 0 <= model.coverage <= 1:
            yield f"models: {model.name!r}: expected a coverage from 0 to 1"
        if not all(map(_is_gap, model.not_modelled)):
            yield "not_modelled: expected `op` and `reason` in words, a `count` and a `share`"
    names = {model.name for model in result.models}
    for number, layer in enumerate(result.layers):
        if layer.model not in names:
            yield f"layers.{number}.model: expected one of the models, found {layer.model!r}"
        if layer.sub_accelerator not in spec.sub_accelerators:
            yield (
                f"layers.{number}.sub_accelerator: expected one of the spec's, "
                f"found {layer.sub_accelerator!r}"
            )
        for place in _negative(layer):
            yield f"layers.{number}.{place}: expected a number of at least 0, a count below 2^63"
    if result.schedule is not None:
        yield from _schedule_problems(result.schedule)


def _is_gap(gap: Mapping[str, Any]) -> bool:
    """What costs nothing, as `ModelSummary` describes it; reason and share may be missing."""
    words = isinstance(gap.get("op"), str) and isinstance(gap.get("reason", ""), str)
    share = gap.get("share", 0)
    return (
        words and type(gap.get("count")) is int and type(share) in (int, float) and 0 <= share <= 1
    )


def _schedule_problems(schedule: ScheduleSummary) -> Iterator[str]:
    if any(not (0 <= cycle <= MOST and 0 <= bits < math.inf) for cycle, bits in schedule.dram):
        yield "schedule.dram: expected cycles and bandwidths of at least 0"
    numbers = (schedule.value, schedule.lower_bound, schedule.leakage_pj)
    if any(not 0 <= number < math.inf for number in (*numbers, *schedule.utilization.values())):
        yield "schedule: expected numbers of at least 0"


def _negative(layer: LayerResult) -> Iterator[str]:
    """Places of a layer's counts that are none."""
    for key in ("start_cycle", "cycles", "macs", "dram_bytes"):
        if not 0 <= getattr(layer, key) <= MOST:
            yield key
    for key in ("utilization", "lower_bound"):
        if not 0 <= getattr(layer, key) < math.inf:
            yield key
    for key in ("energy_by_component", "traffic", "dims"):
        for name, value in getattr(layer, key).items():
            if not 0 <= value <= _MOST_OF[key]:
                yield f"{key}.{name}"
    if layer.loops is not None:
        if any(not 1 <= loop.factor <= MOST for loop in layer.loops.temporal):
            yield "loops.temporal"
        if any(not 1 <= unroll.factor <= MOST for unroll in layer.loops.spatial):
            yield "loops.spatial"
        depth = len(layer.loops.temporal)
        if any(not (0 <= t.inside <= depth and 0 <= t.bits <= MOST) for t in layer.loops.tiles):
            yield "loops.tiles"
