"""What a simulation answers: costs per layer and in total, and the versioned JSON of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

from .fabric import DeviceSummary, FitSummary
from .files import write_text
from .summaries import ArraySummary, MappedLoops, array_json

SCHEMA: Final = "chiploom.result/1"

Objective = Literal["latency", "energy", "edp"]
Fidelity = Literal["analytic", "cycle", "roofline"]
Kind = Literal["compute", "vector", "move"]


def valued(objective: Objective, cycles: int, energy: float) -> float:
    """What an objective makes of cycles and pJ: cycles, pJ, or pJ x cycles."""
    match objective:
        case "latency":
            return float(cycles)
        case "energy":
            return energy
        case "edp":
            return energy * cycles


@dataclass(frozen=True, slots=True)
class LayerResult:
    """Cost of one layer.

    Attributes:
        name, model, op, kind: of the layer; `model` is the network's name.
        dims: sizes of the eight loop dims; empty for vector and move layers.
        sub_accelerator: where it runs.
        start_cycle, cycles: when it starts, how long it takes.
        energy_by_component: pJ by component (`mac`, `<memory>.<operand>.read|write`, `network`,
            `vector`, `leakage`); `energy_pj` is their sum.
        macs: multiply-accumulates.
        dram_bytes: read and written.
        utilization: macs / (cycles x PEs), 0 for layers without multiply-accumulates.
        bound: `compute`, `vector` or `memory:<level>`: what the cycles are limited by.
        traffic: bits read and written per memory, `<memory>.<operand>.read|write`.
        mapping: in words, empty where there is none.
        loops: the same as loops and tiles, None where there is none.
        inputs: names of the layers of its network whose outputs it reads.
        optimal: no mapping of the mapspace is better in the objective.
        lower_bound: no mapping can be better than this, in the unit of the objective
            (cycles, pJ, or cycles x pJ).
        fused: operators executed on its outputs.
        note: an assumption that holds for this layer alone.
        frame: of its network.
        stays: its first input stayed on chip.
        mode: of the sub-accelerator, empty where it is the plain one.
    """

    name: str
    model: str
    op: str
    kind: Kind
    dims: Mapping[str, int]
    sub_accelerator: str
    start_cycle: int
    cycles: int
    energy_by_component: Mapping[str, float]
    macs: int
    dram_bytes: int
    utilization: float
    bound: str
    traffic: Mapping[str, int] = field(default_factory=dict)
    mapping: str = ""
    optimal: bool = False
    lower_bound: float = 0.0
    fused: tuple[str, ...] = ()
    note: str = ""
    frame: int = 0
    stays: bool = False
    loops: MappedLoops | None = None
    inputs: tuple[str, ...] = ()
    mode: str = ""

    @property
    def energy_pj(self) -> float:
        """Sum of all components, pJ."""
        return sum(self.energy_by_component.values())


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A network as it was simulated: its size, and what the model does not cover.

    Attributes:
        not_modelled: {"op", "count", "reason", "share"} each; share of all output elements.
        notes: assumptions made on import.
    """

    name: str
    layers: int
    macs: int
    coverage: float
    not_modelled: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpecSummary:
    """The accelerator that was simulated.

    Attributes:
        area_by_component: mm² by component, `<sub-accelerator>.<component>`.
        sources: where energy and area of each component come from.
        arrays: its sub-accelerators, in the order of their names; empty where a file says nothing
            of them.
        device: the FPGA that it is built on, None where it is no FPGA.
    """

    name: str
    clock_hz: float
    pes: int
    sub_accelerators: tuple[str, ...]
    area_by_component: Mapping[str, float]
    sources: Mapping[str, str]
    notes: tuple[str, ...] = ()
    arrays: tuple[ArraySummary, ...] = ()
    device: DeviceSummary | None = None

    @property
    def dram_bandwidth(self) -> float:
        """Bits per cycle of the DRAM, both directions together; 0 where it is not known."""
        reserved = [array.dram.bandwidth for array in self.arrays if array.dram_reserved]
        common = [array.dram.bandwidth for array in self.arrays if not array.dram_reserved]
        return sum(reserved) + max(common, default=0.0)


@dataclass(frozen=True, slots=True)
class ScheduleSummary:
    """How layers were assigned and scheduled, where that was asked for.

    Attributes:
        algorithm: that found it. goal: what it minimised: `makespan`, `energy` or `edp`.
        value: of the goal: cycles, pJ, or pJ x cycles.
        lower_bound: no schedule has a smaller value; optimal: the value meets it.
        latency_bound: cycles that were granted, None where none were stated.
        executed: cycles that the sequences take where every layer starts as soon as it can and
            contends for the DRAM.
        leakage_pj: of the whole chip over the makespan; not part of any layer's energy.
        utilization: by sub-accelerator, share of the makespan that it worked.
        dram: (cycle, bits per cycle that the DRAM moves on average from there on), by time.
        notes: remarks of the scheduler.
    """

    algorithm: str
    goal: str
    value: float
    lower_bound: float
    optimal: bool
    latency_bound: int | None
    executed: int
    leakage_pj: float
    utilization: Mapping[str, float]
    dram: tuple[tuple[int, float], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A simulation of one or more networks on an accelerator.

    Attributes:
        layers: in the order in which they start. Without a schedule they run one after the other.
        schedule: how they were scheduled, None where they were not.
        fit: how the accelerator's parameters were fitted to a device, None where they were not.
    """

    models: tuple[ModelSummary, ...]
    spec: SpecSummary
    objective: Objective
    fidelity: Fidelity
    layers: tuple[LayerResult, ...]
    schedule: ScheduleSummary | None = None
    fit: FitSummary | None = None

    @property
    def cycles(self) -> int:
        """Cycle at which the last layer ends."""
        return max((layer.start_cycle + layer.cycles for layer in self.layers), default=0)

    @property
    def seconds(self) -> float:
        """Seconds until all networks have ended: cycles at the clock of the spec."""
        return self.cycles / self.spec.clock_hz

    @property
    def energy_pj(self) -> float:
        """pJ, of all components."""
        return sum(self.energy_by_component.values())

    @property
    def edp(self) -> float:
        """Energy-delay product, pJ x cycles."""
        return self.energy_pj * self.cycles

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers."""
        return sum(layer.macs for layer in self.layers)

    @property
    def dram_bytes(self) -> int:
        """Bytes read from the DRAM and written to it, all layers."""
        return sum(layer.dram_bytes for layer in self.layers)

    @property
    def utilization(self) -> float:
        """Multiply-accumulates per PE and cycle, over the whole run."""
        busy = self.cycles * self.spec.pes
        return self.macs / busy if busy else 0.0

    @property
    def coverage(self) -> float:
        """Share of all output elements that modelled operators produce."""
        return min((model.coverage for model in self.models), default=1.0)

    @property
    def area_mm2(self) -> float:
        """mm², of all components."""
        return sum(self.spec.area_by_component.values())

    @property
    def energy_by_component(self) -> dict[str, float]:
        """pJ by component, summed over the layers."""
        total: dict[str, float] = {}
        for layer in self.layers:
            for component, energy in layer.energy_by_component.items():
                total[component] = total.get(component, 0.0) + energy
        if self.schedule is not None and self.schedule.leakage_pj:
            total["leakage"] = total.get("leakage", 0.0) + self.schedule.leakage_pj
        return dict(sorted(total.items()))

    def to_json(self) -> dict[str, Any]:
        """The versioned form, see `result.schema.json`."""
        return {
            "schema": SCHEMA,
            "models": [
                {
                    "name": model.name,
                    "layers": model.layers,
                    "macs": model.macs,
                    "coverage": model.coverage,
                    "notes": list(model.notes),
                }
                for model in self.models
            ],
            "spec": {
                "name": self.spec.name,
                "clock_hz": self.spec.clock_hz,
                "pes": self.spec.pes,
                "sub_accelerators": list(self.spec.sub_accelerators),
                "sources": dict(self.spec.sources),
                "notes": list(self.spec.notes),
                "arrays": [array_json(array) for array in self.spec.arrays],
            },
            "objective": self.objective,
            "fidelity": self.fidelity,
            "total": {
                "cycles": self.cycles,
                "seconds": self.seconds,
                "energy_pj": self.energy_pj,
                "edp": self.edp,
                "area_mm2": self.area_mm2,
                "macs": self.macs,
                "dram_bytes": self.dram_bytes,
                "utilization": self.utilization,
                "coverage": self.coverage,
            },
            "layers": [_layer_json(layer) for layer in self.layers],
            "schedule": None if self.schedule is None else _schedule_json(self.schedule),
            "energy_by_component": self.energy_by_component,
            "area_by_component": dict(self.spec.area_by_component),
            "resources": None if self.spec.device is None else self.spec.device.to_json(),
            "fit": None if self.fit is None else asdict(self.fit),
            "not_modelled": [
                {"model": model.name, **entry}
                for model in self.models
                for entry in model.not_modelled
            ],
        }

    def _repr_html_(self) -> str:
        """The result in a notebook. How it looks is the reports' business, above this part: it is
        bound by name, so that nothing here depends on it."""
        html: str = import_module("..reports.notebook", __package__).result_html(self)
        return html

    def json_text(self) -> str:
        """`to_json` as text. Raises ValueError where a cost is not a finite number."""
        return json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n"

    def write_json(self, path: str | os.PathLike[str]) -> None:
        """Write `json_text` to a file, whole or not at all. Raises OSError."""
        write_text(Path(path), self.json_text())


def _layer_json(layer: LayerResult) -> dict[str, Any]:
    return {
        "name": layer.name,
        "model": layer.model,
        "op": layer.op,
        "kind": layer.kind,
        "dims": dict(layer.dims),
        "sub_accelerator": layer.sub_accelerator,
        "start_cycle": layer.start_cycle,
        "cycles": layer.cycles,
        "energy_pj": layer.energy_pj,
        "energy_by_component": dict(layer.energy_by_component),
        "macs": layer.macs,
        "dram_bytes": layer.dram_bytes,
        "utilization": layer.utilization,
        "bound": layer.bound,
        "traffic_bits": dict(layer.traffic),
        "mapping": layer.mapping,
        "optimal": layer.optimal,
        "lower_bound": layer.lower_bound,
        "fused": list(layer.fused),
        "note": layer.note,
        "frame": layer.frame,
        "stays": layer.stays,
        "loops": None if layer.loops is None else layer.loops.to_json(),
        "inputs": list(layer.inputs),
        **({"mode": layer.mode} if layer.mode else {}),
    }


def _schedule_json(schedule: ScheduleSummary) -> dict[str, Any]:
    return {
        "algorithm": schedule.algorithm,
        "goal": schedule.goal,
        "value": schedule.value,
        "lower_bound": schedule.lower_bound,
        "optimal": schedule.optimal,
        "latency_bound": schedule.latency_bound,
        "executed": schedule.executed,
        "leakage_pj": schedule.leakage_pj,
        "utilization": dict(schedule.utilization),
        "dram": [list(entry) for entry in schedule.dram],
        "notes": list(schedule.notes),
    }
