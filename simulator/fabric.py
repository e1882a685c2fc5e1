"""Whether a design fits its FPGA, and what a result says of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..dataflows.accelerator import Accelerator
from ..dataflows.resources import LABELS, Resources
from .errors import DoesNotFitError


@dataclass(frozen=True, slots=True)
class DeviceSummary:
    """The FPGA of a simulation, and what the design takes of it.

    Attributes:
        name, part: of the device.
        available: that it has, by resource (`dsps`, `bram36`, `uram`, `luts`, `ffs`).
        used: that each component takes, `<sub-accelerator>.<component>`, by resource.
    """

    name: str
    part: str
    available: Mapping[str, float]
    used: Mapping[str, Mapping[str, float]]

    @property
    def total(self) -> dict[str, float]:
        """Used by all components together, by resource."""
        return {
            name: sum(part.get(name, 0.0) for part in self.used.values()) for name in self.available
        }

    def to_json(self) -> dict[str, object]:
        """As in `result.schema.json`."""
        used = self.total
        return {
            "device": self.name,
            "part": self.part,
            "available": dict(self.available),
            "used": used,
            "left": {name: there - used[name] for name, there in self.available.items()},
            "by_component": {name: dict(part) for name, part in self.used.items()},
        }


@dataclass(frozen=True, slots=True)
class FitSummary:
    """What is known of parameters that were fitted to a device.

    Attributes:
        parameters: that were chosen, as a spec writes them.
        lower_bound: cycles; no parameters of the template's space that fit take fewer.
        optimal: these take no more.
        arrays: that the space has and the device has room for.
        simulated: designs that were mapped.
        limits: of resources, beyond those of the device.
    """

    parameters: Mapping[str, int | float | str]
    lower_bound: int
    optimal: bool
    arrays: int
    simulated: int
    limits: Mapping[str, float] = field(default_factory=dict)


def device_summary(accelerator: Accelerator) -> DeviceSummary | None:
    """None where the accelerator is built on no FPGA."""
    device = accelerator.device
    if device is None:
        return None
    return DeviceSummary(
        device.name,
        device.part,
        device.resources.to_json(),
        {
            f"{sub.name}.{component}": _taken(part)
            for sub in accelerator.sub_accelerators
            for component, part in sub.resources.items()
        },
    )


def device_notes(accelerator: Accelerator) -> list[str]:
    """What a reader should know of the device."""
    device = accelerator.device
    if device is None:
        return []
    notes = [f"static power of {device.part} is not modelled"]
    if accelerator.clock_hz > device.clock_hz:
        notes.append(
            f"{accelerator.clock_hz / 1e6:g} MHz is more than designs reach on {device.name} as a "
            f"rule ({device.clock_hz / 1e6:g} MHz)"
        )
    return notes


def _taken(part: Resources) -> dict[str, float]:
    return {name: amount for name, amount in part.to_json().items() if amount}


def expect_fit(accelerator: Accelerator) -> None:
    """Refuse a design that its FPGA has no room for.

    Raises:
        DoesNotFitError: the message names every resource that is over, and by how much.
    """
    device = accelerator.device
    if device is None:
        return
    lines = [
        f"{LABELS[name]}: {wanted:,.10g} of {there:,.10g}, {wanted - there:,.10g} too many "
        f"({_largest(accelerator, name)})"
        for name, (wanted, there) in device.over(accelerator.resources).items()
    ]
    if accelerator.clock_hz > device.most_clock_hz:
        lines.append(
            f"clock: {accelerator.clock_hz / 1e6:g} MHz, its block RAM reaches "
            f"{device.most_clock_hz / 1e6:g} MHz"
        )
    if lines:
        raise DoesNotFitError(
            f"{accelerator.name}: does not fit {device.name} ({device.part}); make it smaller, or "
            "name a larger device\n" + "\n".join(lines)
        )


def _largest(accelerator: Accelerator, resource: str) -> str:
    """The component that takes most of a resource."""
    amount, name = max(
        (getattr(part, resource), f"{sub.name}.{component}")
        for sub in accelerator.sub_accelerators
        for component, part in sub.resources.items()
    )
    return f"most by {name}: {amount:,.10g}"
