"""The catalogue of FPGA devices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from .document import read_document
from .errors import SpecError
from .resources import Device, Resources
from .schema import DeviceModel
from .template import find_file, shipped, state_of
from .validation import validate
from .versions import DEVICE, of_schema


def device_names() -> tuple[str, ...]:
    """The shipped devices."""
    return tuple(shipped("devices"))


def read_device(name: str, base: Path | None = None) -> tuple[Device, dict[str, Any]]:
    """A shipped device by name, or one from a YAML file; and its board's `dram`, as a spec
    has it.

    Raises:
        SpecError: it is not there or cannot be used; the message holds every error.
    """
    path = find_file("devices", name, base)
    return _parsed(path, state_of(path))


@lru_cache(maxsize=32)
def _parsed(path: Path, state: tuple[int, ...]) -> tuple[Device, dict[str, Any]]:
    document = of_schema(read_document(path), DEVICE)
    problems: list[str] = []
    model = validate(DeviceModel, document.data, document.problem, problems)
    if model is None:
        raise SpecError(problems)
    device = Device(
        path.stem,
        model.title,
        model.part,
        model.dsp,
        model.node,
        Resources(**model.resources.model_dump()),
        model.clock,
        model.most_clock,
        model.source.strip(),
    )
    return device, dict(document.data["dram"])


def with_board(data: Mapping[str, Any], base: Path | None = None) -> tuple[Device, dict[str, Any]]:
    """The device that a spec's data names, and the data with what its board gives.

    The clock is the device's where there is none; single keys of the board's DRAM may be replaced.

    Raises:
        SpecError: as of `read_device`.
    """
    device, board = read_device(data["device"], base)
    stated = data.get("dram", {})
    dram = {**board, **stated} if isinstance(stated, dict) else stated
    return device, {"clock": f"{device.clock_hz:g} Hz", **data, "dram": dram}


def load_device(name: str) -> Device:
    """As `read_device`, without the board."""
    return read_device(name)[0]
