"""The YAML schema of study files: its fields are the reference of what a study may say.

Quantities are texts with units and become canonical numbers (`dataflows.units`): pJ, mm², seconds;
a latency may be a bare number of cycles.
"""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, PlainValidator, StrictBool, StrictStr, model_validator

from ..dataflows.schema import Count, Strict
from ..dataflows.units import Duration, parse, parse_duration
from ..simulator.mapper import EffortName
from ..simulator.result import Objective
from .goals import METRICS, Metric
from .hardware.catalogue import NEAR
from .transforms import KEEP

#: What a study's Pareto front may be over. `edp` is energy x latency.
Aim = Literal["accuracy", "latency", "energy", "area", "edp"]
AIMS: Final[tuple[Aim, ...]] = get_args(Aim)
Strategy = Literal[
    "exact", "nasaic", "random", "evolution", "tpe", "gp", "nas-then-asic", "asic-then-nas"
]

_SECONDS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0}
_SPAN: Final = re.compile(r"((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*(s|min|h)")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")

# -- field types -----------------------------------------------------------------------------------


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _positive(value: Any, *, zero: bool = False) -> float:
    if not _is_number(value) or value < 0 or (value == 0 and not zero):
        least = "of at least 0" if zero else "above 0"
        raise ValueError(f"expected a number {least}, found {value!r}")
    return float(value)


def _share(value: Any) -> float:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"expected a number from 0 to 1, found {value!r}")
    return float(value)


def _seed(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise ValueError(f"expected a whole number from 0 to 2^31 - 1, found {value!r}")
    return value


def _latency(value: Any) -> Duration:
    found = Duration(float(value)) if _is_number(value) else parse_duration(value)
    if not found.amount > 0:
        raise ValueError(f"expected a latency above 0, found {value!r}")
    return found


def _quantity(kind: Literal["energy", "area"], value: Any) -> float:
    found = parse(value, kind)
    if not found > 0:
        raise ValueError(f"expected an {kind} above 0, found {value!r}")
    return found


def span(value: Any) -> float:
    """Seconds."""
    match = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    found = float(match[1]) * _SECONDS[match[2]] if match else value
    if not _is_number(found) or not found > 0:
        raise ValueError(
            f"expected seconds above 0, or text such as `90 s`, `15 min` or `1 h`, found {value!r}"
        )
    return float(found)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"expected a name of letters, digits, `_` and `-`, found {value!r}")
    return value


def _minimize(value: Any) -> dict[Metric, float]:
    """One metric, or weights of several."""
    weights = {value: 1.0} if isinstance(value, str) else value
    if value == "edp" or (isinstance(weights, dict) and "edp" in weights):
        raise ValueError(
            "expected a weighted sum of latency, energy and area, found edp, a product; give "
            "weights of energy and latency, or list edp under `objectives`"
        )
    known = isinstance(weights, dict) and weights and set(weights) <= set(METRICS)
    if not known or not all(_is_number(w) and w > 0 for w in weights.values()):
        raise ValueError(
            f"expected one of {', '.join(METRICS)}, or a mapping of some of them to weights above "
            f"0, found {value!r}"
        )
    return {metric: float(weights[metric]) for metric in METRICS if metric in weights}


def _least_energy() -> dict[Metric, float]:
    return {"energy": 1.0}


def _aims(value: Any) -> tuple[Aim, ...]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not found or not all(one in AIMS for one in found):
        raise ValueError(f"expected a list out of {', '.join(AIMS)}, found {value!r}")
    if len(set(found)) < len(found):
        raise ValueError(f"expected objectives without repetition, found {value!r}")
    return tuple(found)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, int | str) and not isinstance(value, bool) else value


def _table(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


Above0 = Annotated[float, PlainValidator(_positive)]
AtLeast0 = Annotated[float, PlainValidator(partial(_positive, zero=True))]
Share = Annotated[float, PlainValidator(_share)]
Seed = Annotated[int, PlainValidator(_seed)]
Seconds = Annotated[float, PlainValidator(span)]
Latency = Annotated[Duration, PlainValidator(_latency)]
Energy = Annotated[float, PlainValidator(partial(_quantity, "energy"))]
Area = Annotated[float, PlainValidator(partial(_quantity, "area"))]
Texts = Annotated[list[StrictStr], BeforeValidator(_listed), Field(min_length=1)]
Seeds = Annotated[list[Seed], BeforeValidator(_listed), Field(min_length=1)]

# -- accuracies ------------------------------------------------------------------------------------


class TableModel(Strict):
    """A table of accuracies; one text stands for its `file`.

    Attributes:
        file: name of a shipped table, or a path ending in .csv, .json or .parquet.
        accuracy: name of its column.
        uncertainty: name of its column, standard deviations; a table may lack it.
        unit: what the numbers are multiplied with, 0.01 for percent.
        source: where they come from, in place of the file's name.
    """

    file: StrictStr
    accuracy: StrictStr = "accuracy"
    uncertainty: StrictStr = "uncertainty"
    unit: Above0 = 1.0
    source: StrictStr = ""


Table = Annotated[TableModel, BeforeValidator(_table)]


class PredictorModel(Strict):
    """Boosted trees on a table: `evaluators.PredictorEvaluator`.

    Attributes:
        table: that it learns from; keys as of `table`.
        folds: of the cross-validation that its error comes from, 2 at least.
        rounds: of boosting.
        seed: of the folds and the trees.
    """

    table: Table
    folds: Annotated[Count, Field(ge=2)] = 5
    rounds: Count = 400
    seed: Seed = 0


class TrainModel(Strict):
    """Training on the CPU: `evaluators.TrainEvaluator` and `evaluators.Training`.

    Attributes:
        dataset: `digits`, `mnist5000`, or the path of an .npz file or of a folder of images.
        size: rows and columns of the images, the dataset's own where not given.
        epochs: most of them.
        batch: images a step.
        rate: the largest learning rate.
        decay: of the weights.
        patience: epochs without a better validation accuracy, after which training stops.
        seeds: one or more; the accuracy is the mean over them.
        checkpoints: folder of interrupted and finished trainings.
        threads: of PyTorch.
    """

    dataset: StrictStr
    size: Count | None = None
    epochs: Count = 30
    batch: Count = 64
    rate: Above0 = 3e-3
    decay: AtLeast0 = 1e-4
    patience: Count = 8
    seeds: Seeds = Field(default_factory=lambda: [0])
    checkpoints: StrictStr | None = None
    threads: Count = 1


class CommandModel(Strict):
    """An external program, run in the study file's folder: `evaluators.CommandEvaluator`.

    Attributes:
        command: the program and its arguments.
        timeout: for one network.
    """

    command: Texts
    timeout: Seconds = 3600.0


class PublishedModel(Strict):
    """The path of one published table: `evaluators.published`.

    Attributes:
        nasbench201: NAS-Bench-201's, CSV or JSON.
        nasbench_macro: NAS-Bench-Macro's, JSON.
        accel_nasbench: Accel-NASBench's, CSV.
        column: of NAS-Bench-201, which accuracy.
    """

    nasbench201: StrictStr | None = None
    nasbench_macro: StrictStr | None = None
    accel_nasbench: StrictStr | None = None
    column: StrictStr | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, ("nasbench201", "nasbench_macro", "accel_nasbench"))
        if self.column is not None and self.nasbench201 is None:
            raise ValueError("only `nasbench201` has a `column`; remove it")
        return self


SOURCES: Final = ("table", "predictor", "train", "command", "published", "constant")


class AccuracyModel(Strict):
    """Where a network's accuracies come from: one of `SOURCES`.

    Attributes:
        table: of networks and their accuracies.
        predictor: learned from a table.
        train: every network is trained.
        command: a program of yours.
        published: a benchmark's table, as published.
        constant: the known accuracy of a fixed network, 0 to 1, with its `source`.
        source: where `constant` comes from, in words.
    """

    table: Table | None = None
    predictor: PredictorModel | None = None
    train: TrainModel | None = None
    command: CommandModel | None = None
    published: PublishedModel | None = None
    constant: Share | None = None
    source: StrictStr | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, SOURCES)
        if (self.constant is None) != (self.source is None):
            raise ValueError(
                "expected `constant` and `source` together: where the number comes from, in words"
            )
        return self


def _exactly_one(model: Strict, keys: tuple[str, ...]) -> None:
    given = [key for key in keys if getattr(model, key) is not None]
    if len(given) != 1:
        raise ValueError(
            f"expected one of {', '.join(f'`{key}`' for key in keys)}, found "
            f"{' and '.join(f'`{key}`' for key in given) or 'none of them'}"
        )


# -- networks --------------------------------------------------------------------------------------


class TransformsModel(Strict):
    """What is free in a given network; arguments of `transforms.OnnxSpace`.

    Attributes:
        keep: shares of a group's channels that may be kept.
        widths: bits that a group of layers may have; none: as in the file.
        resolutions: rows of the input; none: as in the file.
        depth: whether residual branches may be left out.
        granularity: kept channels are a multiple of it.
    """

    keep: list[Annotated[Share, Field(gt=0)]] = Field(default_factory=lambda: list(KEEP))
    widths: list[Annotated[Count, Field(le=64)]] = Field(default_factory=list)
    resolutions: list[Count] = Field(default_factory=list)
    depth: StrictBool = False
    granularity: Count = 8


class NetworkModel(Strict):
    """A task and the networks that may do it.

    Attributes:
        name: unique in the study.
        space: a built-in space of networks.
        options: arguments of the space's class.
        model: in place of a space a network: a name of the zoo, or the path of an ONNX file.
        bits: of a model, width of all data.
        dims: of a model, sizes of symbolic dimensions.
        transforms: makes a space of variants of a model.
        only: values that are left of some of the space's parameters.
        weight: of its accuracy, relative to those of the other networks.
        accuracy: where it comes from; without, it does not count in the study's accuracy.
    """

    name: Annotated[str, PlainValidator(_name)]
    space: StrictStr | None = None
    options: dict[StrictStr, Any] = Field(default_factory=dict)
    model: StrictStr | None = None
    bits: Annotated[Count, Field(le=64)] | None = None
    dims: dict[StrictStr, Count] = Field(default_factory=dict)
    transforms: TransformsModel | None = None
    only: dict[StrictStr, Any] = Field(default_factory=dict)
    weight: Above0 | None = None
    accuracy: AccuracyModel | None = None

    @model_validator(mode="after")
    def _space_or_model(self) -> Self:
        _exactly_one(self, ("space", "model"))
        if self.space is not None:
            alone = [key for key in ("bits", "dims", "transforms") if getattr(self, key)]
            if alone:
                raise ValueError(
                    f"`{alone[0]}` is for a `model`; remove it, or give the space's own `options`"
                )
        elif self.options:
            raise ValueError("`options` are for a `space`; remove them")
        if self.transforms is not None and self.bits is not None:
            raise ValueError(
                "expected `bits` or `transforms`, found both; write the width as "
                f"`widths: [{self.bits}]` in `transforms`"
            )
        return self


# -- the study -------------------------------------------------------------------------------------


class MappingModel(Strict):
    """How layers are mapped: `hardware.catalogue.Settings`.

    Attributes:
        objective: of the mapper.
        effort: of the mapper.
        near: a mapping found on other hardware is taken where its steps are within this factor of
            the fewest that the array allows.
    """

    objective: Objective = "edp"
    effort: EffortName = "fast"
    near: AtLeast0 = NEAR


class MetricsModel(Strict):
    """A number for some of the metrics.

    Attributes:
        latency: cycles, or a time.
        energy: with its unit.
        area: with its unit.
    """

    latency: Latency | None = None
    energy: Energy | None = None
    area: Area | None = None


class SpecsModel(MetricsModel):
    """Most that each metric may be, and that a design may take of an FPGA.

    Attributes:
        latency: cycles, or a time.
        energy: with its unit.
        area: with its unit.
        dsps: DSP slices.
        bram36: block RAMs of 36 Kibit.
        uram: ultra RAMs.
        luts: lookup tables.
        ffs: flip-flops.
    """

    dsps: AtLeast0 | None = None
    bram36: AtLeast0 | None = None
    uram: AtLeast0 | None = None
    luts: AtLeast0 | None = None
    ffs: AtLeast0 | None = None


class BudgetModel(Strict):
    """When a study ends, and how much of the hardware it looks at.

    Attributes:
        trials: proposals of the outer search.
        time: of all: seconds, or a text such as `10 min`.
        designs: of hardware that are looked at in a trial.
    """

    trials: Count | None = None
    time: Seconds | None = None
    designs: Count = 1000


class StudyModel(Strict):
    """A study file.

    Attributes:
        description: text for reports.
        source: text for reports.
        networks: tasks, each with the networks that may do it.
        hardware: a description with ranges (`hardware.space`), or `spec`: the name of a shipped
            spec or the path of one.
        mapping: how layers are mapped.
        specs: most that each metric may be, or one of the names in `spec_sets`.
        spec_sets: specs by name; `specs` may be one of the names.
        bounds: where the penalty of a metric is 1; twice the spec where not given.
        scales: units of metrics in the sum of `minimize`, where they have no spec.
        rho: weight of the penalty in the reward.
        minimize: what hardware minimises among designs that meet the specs: a metric, or weights
            of several.
        objectives: of the Pareto front; the first one decides which design is best.
        strategy: that proposes networks and hardware.
        options: of the strategy.
        budget: when the study ends.
        seed: of all that is random.
        batch: proposals that are made before the results of any of them are told.
    """

    description: StrictStr = ""
    source: StrictStr = ""
    networks: Annotated[list[NetworkModel], Field(min_length=1, max_length=64)]
    hardware: dict[StrictStr, Any]
    mapping: MappingModel = MappingModel()
    specs: SpecsModel = SpecsModel()
    spec_sets: dict[StrictStr, SpecsModel] = Field(default_factory=dict)
    bounds: MetricsModel = MetricsModel()
    scales: MetricsModel = MetricsModel()
    rho: Above0 = 10.0
    minimize: Annotated[dict[Metric, float], PlainValidator(_minimize)] = Field(
        default_factory=_least_energy
    )
    objectives: Annotated[tuple[Aim, ...], PlainValidator(_aims)] | None = None
    strategy: Strategy = "exact"
    options: dict[StrictStr, Any] = Field(default_factory=dict)
    budget: BudgetModel = BudgetModel()
    seed: Seed = 0
    batch: Count = 4
