"""The YAML schema of specs and templates: its fields are the reference in docs/specs.md.

Quantities are texts with units and become canonical numbers (see `units`). In a template every
text may hold `${expressions}` over its parameters; they are evaluated before these models see it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StrictBool, StrictStr

from ..frontend.nest import DIMS, OPERANDS, Dim, Operand
from .accelerator import Buffering, Layout
from .expressions import Canonical
from .resources import DspFamily
from .units import (
    MOST,
    Bandwidth,
    Duration,
    Kind,
    parse,
    parse_bandwidth,
    parse_duration,
    within_range,
)

# -- field types -----------------------------------------------------------------------------------


def _quantity(kind: Kind, value: object, *, positive: bool = True) -> float:
    number = float(value) if isinstance(value, Canonical) else parse(value, kind)
    if number < 0 or (positive and number == 0) or not within_range(number):
        raise ValueError(f"expected {'a positive' if positive else 'no negative'} {kind}, "
                         f"found {value!r}")  # fmt: skip
    return number


def _whole(value: object, *, least: int = 1) -> int:
    whole = isinstance(value, Canonical) and float(value).is_integer()
    if isinstance(value, bool) or not (whole or isinstance(value, int)):
        raise ValueError(f"expected a whole number, found {value!r}")
    number = int(value)  # type: ignore[call-overload]
    if not least <= number <= 2**40:
        raise ValueError(f"expected a whole number of at least {least}, found {number}")
    return int(number)


def _amount(value: object) -> float:
    number = isinstance(value, int | float | Canonical) and not isinstance(value, bool)
    if not number or not 0 <= value <= MOST or not within_range(float(value)):  # type: ignore
        raise ValueError(f"expected a number of at least 0, up to {MOST:g}, found {value!r}")
    return float(value)  # type: ignore[arg-type]


def _positive(value: object) -> float:
    amount = _amount(value)
    if amount == 0:
        raise ValueError(f"expected a number above 0, found {value!r}")
    return amount


def _bits(value: object) -> int:
    bits = _quantity("size", value)
    if not (bits.is_integer() and bits <= 64):
        raise ValueError(f"expected a width of 1 to 64 whole bits, found {value!r}")
    return int(bits)


def _whole_bits(value: object) -> int:
    bits = _quantity("size", value)
    if not bits.is_integer():
        raise ValueError(f"expected whole bits, found {value!r} ({bits} bit)")
    return int(bits)


def _bandwidth(value: object) -> Bandwidth:
    found = Bandwidth(float(value)) if isinstance(value, Canonical) else parse_bandwidth(value)
    if found.bits <= 0:
        raise ValueError(f"expected a positive bandwidth, found {value!r}")
    return found


def _duration(value: object) -> Duration:
    found = Duration(float(value)) if isinstance(value, Canonical) else parse_duration(value)
    if found.amount < 0:
        raise ValueError(f"expected no negative time, found {value!r}")
    return found


def _names(kind: str, known: tuple[str, ...], value: object) -> tuple[str, ...]:
    """Names as a list, or as one text separated by spaces."""
    found = value.split() if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError(f"expected {kind} such as `[{', '.join(known[:3])}]`, found {value!r}")
    for name in found:
        if name not in known:
            raise ValueError(f"expected {kind} out of {' '.join(known)}, found {name!r}")
    if len(set(found)) < len(found):
        raise ValueError(f"expected {kind} without repetition, found {' '.join(found)!r}")
    return tuple(found)


def _shared(value: object) -> tuple[str, ...] | Literal["all"]:
    if value == "all":
        return "all"
    if value == "none":
        return ()
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise ValueError(f"expected `all`, `none` or a list of axes, found {value!r}")


def _plain(function: Callable[..., Any], **options: object) -> PlainValidator:
    return PlainValidator(partial(function, **options) if options else function)


def _of(kind: Kind, *, positive: bool = True) -> PlainValidator:
    return PlainValidator(partial(_quantity, kind, positive=positive))


Count = Annotated[int, _plain(_whole)]
Bits = Annotated[int, _plain(_bits)]
Size = Annotated[int, _plain(_whole_bits)]
Rate = Annotated[Bandwidth, _plain(_bandwidth)]
Time = Annotated[Duration, _plain(_duration)]
Frequency = Annotated[float, _of("frequency")]
Amount = Annotated[float, _plain(_amount)]
Length = Annotated[float, _of("length")]
Energy = Annotated[float, _of("energy", positive=False)]
EnergyPerBit = Annotated[float, _of("energy per bit", positive=False)]
Area = Annotated[float, _of("area", positive=False)]
Power = Annotated[float, _of("power", positive=False)]
Dims = Annotated[tuple[Dim, ...], PlainValidator(partial(_names, "dims", DIMS))]
Operands = Annotated[tuple[Operand, ...], PlainValidator(partial(_names, "operands", OPERANDS))]
Shared = Annotated[tuple[str, ...] | Literal["all"], _plain(_shared)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=80)]


class Strict(BaseModel):
    """A mapping whose every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


#: What derives numbers that a spec leaves out: the tables in `technology`, or the package.
Derive = Literal["tables", "hwcomponents"]
MacSource = Literal["aladdin", "horowitz", "hwcomponents"]

# -- an architecture: what a template describes, and what a spec may write in full -----------------


class AxisModel(Strict):
    """One axis of the PE array.

    Attributes:
        name: unique.
        size: PEs along it.
        dims: that may be unrolled along it, in order of preference.
        most: by dim, how many indices of it lie side by side at most.
    """

    name: Name
    size: Count
    dims: Dims
    most: dict[Dim, Count] = {}


class MemoryModel(Strict):
    """One memory level; see `accelerator.Memory` for the meaning. Per-instance quantities."""

    name: Name
    operands: Operands
    size: Size
    shared: Shared
    bandwidth: Rate | None = None
    read_bandwidth: Rate | None = None
    write_bandwidth: Rate | None = None
    transfer_bandwidth: Rate | None = None
    one_port: StrictBool = False
    latency: Time | None = None
    fills_after: Name | None = None
    buffering: Buffering = "double"
    sliding: StrictBool = False
    complete_outputs: StrictBool = False
    swaps_with: StrictStr = ""
    tiled: dict[Operand, Dims] = {}
    type: Literal["auto", "registers", "sram", "bram", "uram"] = "auto"
    access_width: Size | None = None
    derive: Derive | None = None
    energy: EnergyPerBit | None = None
    read_energy: EnergyPerBit | None = None
    write_energy: EnergyPerBit | None = None
    transfer_energy: EnergyPerBit | None = None
    area: Area | None = None
    leakage: Power | None = None
    source: StrictStr = ""


class PrecisionModel(Strict):
    """Widest operands that the datapath takes.

    Attributes:
        W: of weights.
        I: of inputs.
        O: of outputs.
        psum: of partial sums, at least that of outputs.
    """

    W: Bits
    I: Bits  # noqa: E741
    O: Bits  # noqa: E741
    psum: Bits


class MacModel(Strict):
    """The multiply-accumulate unit of one PE."""

    type: Literal["int", "float", "bfloat"] = "int"
    cycles: Count = 1
    registers: Annotated[int, _plain(_whole_bits)] | None = None
    units: Count | None = None
    packed: StrictBool = False
    factors: dict[Literal["W", "I"], Bits] = {}
    products: Annotated[float, _plain(_amount)] = 1
    adds: Amount = 0
    dsps: Amount | None = None
    luts: Amount | None = None
    ffs: Amount | None = None
    derive: MacSource | None = None
    energy: Energy | None = None
    area: Area | None = None
    leakage: Power | None = None
    source: StrictStr = ""


class ControlModel(Strict):
    """Logic of an FPGA design that is neither arithmetic nor a buffer.

    Attributes:
        luts: lookup tables.
        ffs: flip-flops.
        dsps: DSP slices.
        source: text.
    """

    luts: Amount = 0
    ffs: Amount = 0
    dsps: Amount = 0
    source: StrictStr = ""


class SkewModel(Strict):
    """Cycles that the array needs beyond the streamed ones.

    Attributes:
        cycles: of fill and drain.
        per: whether they come once a layer, or with every fold.
        operand: the stationary one, by whose tiles folds are counted.
    """

    cycles: Annotated[int, _plain(_whole, least=0)] = 0
    per: Literal["layer", "fold"] = "layer"
    operand: Operand = "W"


class CommandsModel(Strict):
    """How work reaches an array that executes commands.

    Attributes:
        dim: along which a command streams.
        length: steps that a command streams at most.
        interval: between two commands that are issued.
        fold: least cycles of the first command on new stationary operands.
        ahead: commands that wait in front of the array.
        least: cycles of any command.
    """

    dim: Dim
    length: Count
    interval: Time | None = None
    fold: Annotated[int, _plain(_whole, least=0)] = 0
    ahead: Annotated[int, _plain(_whole, least=0)] = 0
    least: Annotated[int, _plain(_whole, least=0)] = 0


class VectorModel(Strict):
    """The unit that executes what is no multiply-accumulate nest."""

    lanes: Count
    special_cycles: Count = 4
    pixels: Count = 1
    window: Size | None = None
    derive: Derive | None = None
    simple_energy: Energy | None = None
    special_energy: Energy | None = None
    area: Area | None = None
    leakage: Power | None = None
    source: StrictStr = ""


class OnlyModel(Strict):
    """The layers that a mode of an array takes.

    Attributes:
        filter: its rows and columns.
        stride: of rows and columns.
        dilation: of rows and columns.
    """

    filter: Annotated[list[Count], Field(min_length=2, max_length=2)] | None = None
    stride: Count | None = None
    dilation: Count | None = None


class ModeModel(Strict):
    """Another array over the same memories, for the layers that it is made for."""

    name: Name
    only: OnlyModel
    axes: Annotated[list[AxisModel], Field(min_length=1, max_length=4)]
    mac: MacModel | None = None
    skew: SkewModel | None = None
    expands: dict[StrictStr, Annotated[float, _plain(_positive)]] = {}


class Architecture(Strict):
    """A PE array with its on-chip memories.

    Attributes:
        axes: of the array.
        memories: innermost first.
        precision: widths of the datapath.
        vector: the unit for what is no multiply-accumulate nest.
        mac: the multiply-accumulate unit.
        skew: fill and drain of the array.
        commands: how work reaches the array; none: without commands.
        control: logic of an FPGA design.
        modes: other arrays over the same memories.
    """

    axes: Annotated[list[AxisModel], Field(min_length=1, max_length=4)]
    memories: Annotated[list[MemoryModel], Field(min_length=1, max_length=16)]
    precision: PrecisionModel
    vector: VectorModel
    mac: MacModel = MacModel()
    skew: SkewModel = SkewModel()
    commands: CommandsModel | None = None
    control: ControlModel = ControlModel()
    modes: Annotated[list[ModeModel], Field(max_length=8)] = []


#: Keys of an architecture that a spec may override key by key on top of a template.
OVERRIDABLE: Final = ("precision", "vector", "mac", "skew", "commands", "control")

# -- templates -------------------------------------------------------------------------------------

ParameterKind = Literal["count", "number", "size", "bandwidth", "choice"]


class ParameterModel(Strict):
    """A template's parameter; `min`, `max` and `default` are written like its values."""

    kind: ParameterKind
    doc: StrictStr
    default: Any
    min: Any = None
    max: Any = None
    step: Any = None
    choices: list[StrictStr] | None = None


class FitModel(Strict):
    """How a parameter is fitted to a device: one of these.

    Attributes:
        unrolls: the dim that an axis of this size alone unrolls.
        values: a rising list of which more is never slower.
        choices: which are all tried.
    """

    unrolls: Annotated[Dim | None, Field()] = None
    values: Annotated[list[Any] | None, Field(min_length=1)] = None
    choices: Annotated[list[Any] | None, Field(min_length=1)] = None


class TemplateModel(Strict):
    """A template file. The architecture's keys are checked once the parameters are known."""

    title: StrictStr
    description: StrictStr
    picture: StrictStr
    source: StrictStr
    parameters: dict[StrictStr, ParameterModel]
    axes: list[Any]
    memories: list[Any]
    precision: dict[StrictStr, Any]
    vector: dict[StrictStr, Any]
    mac: dict[StrictStr, Any] = {}
    skew: dict[StrictStr, Any] = {}
    commands: dict[StrictStr, Any] | None = None
    control: dict[StrictStr, Any] = {}
    fit: dict[StrictStr, FitModel] = {}
    modes: list[Any] = []


# -- specs -----------------------------------------------------------------------------------------

DramType = Literal["LPDDR4", "LPDDR", "DDR3", "DDR4", "HBM2", "HBM3", "HBM4"]


class TechnologyModel(Strict):
    """Where numbers that the spec leaves out come from."""

    node: Length
    source: Derive = "tables"
    mac_source: MacSource | None = None


class CacheModel(Strict):
    """A cache in front of the off-chip memory.

    Attributes:
        size: of the cache.
        bandwidth: of what hits.
    """

    size: Size
    bandwidth: Rate


class DramModel(Strict):
    """The off-chip memory."""

    name: Name = "DRAM"
    type: DramType | None = None
    derive: Derive | None = None
    bandwidth: Rate | None = None
    read_bandwidth: Rate | None = None
    write_bandwidth: Rate | None = None
    latency: Time | None = None
    burst: Size | None = None
    row: Size | None = None
    activate: Time | None = None
    layout: Layout = "tiles"
    caches: list[CacheModel] = []
    device_bandwidth: Rate | None = None
    device_write_bandwidth: Rate | None = None
    request: Time | None = None
    energy: EnergyPerBit | None = None
    read_energy: EnergyPerBit | None = None
    write_energy: EnergyPerBit | None = None
    source: StrictStr = ""


class SubModel(Strict):
    """A sub-accelerator: a template with parameters, or an architecture written in full.

    With a template, `memories` maps a level's name to the keys it overrides.
    """

    name: Name
    template: StrictStr | None = None
    parameters: dict[StrictStr, Any] = {}
    dram_bandwidth: Rate | None = None
    axes: list[Any] | None = None
    memories: list[Any] | dict[StrictStr, dict[StrictStr, Any]] | None = None
    precision: dict[StrictStr, Any] | None = None
    vector: dict[StrictStr, Any] | None = None
    mac: dict[StrictStr, Any] | None = None
    skew: dict[StrictStr, Any] | None = None
    commands: dict[StrictStr, Any] | None = None
    control: dict[StrictStr, Any] | None = None
    modes: list[Any] | None = None


class SpecModel(Strict):
    """A spec file. A `device` gives the technology, and what is left out of clock and DRAM."""

    description: StrictStr = ""
    source: StrictStr = ""
    device: StrictStr | None = None
    technology: TechnologyModel | None = None
    clock: Frequency
    dram: DramModel
    sub_accelerators: Annotated[list[SubModel], Field(min_length=1, max_length=64)]


# -- devices ---------------------------------------------------------------------------------------


class ResourcesModel(Strict):
    """Resources of an FPGA.

    Attributes:
        dsps: DSP slices.
        bram36: block RAMs of 36 Kibit.
        luts: lookup tables.
        ffs: flip-flops.
        uram: ultra RAMs of 288 Kibit.
    """

    dsps: Count
    bram36: Count
    luts: Count
    ffs: Count
    uram: Annotated[int, _plain(_whole, least=0)] = 0


class DeviceModel(Strict):
    """An FPGA on its board. `dram` is as of a spec."""

    title: StrictStr
    part: StrictStr
    dsp: DspFamily
    node: Length
    resources: ResourcesModel
    clock: Frequency
    most_clock: Frequency
    dram: DramModel
    source: StrictStr
