"""What `chiploom simulate` does with `--device`, `--set`, `--fit` and `--limit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..dataflows.accelerator import Accelerator
    from ..frontend.graph import LayerGraph
    from ..simulator.cache import MappingCache
    from ..simulator.fabric import FitSummary
    from ..simulator.mapper import EffortName
    from ..simulator.scheduling.costs import Progress


def built(on: str, device: str, parameters: Sequence[str] | None) -> Accelerator:
    """A template on a device.

    Raises:
        InputError: `on` is a spec, or something is not known or not legal.
    """
    from ..dataflows import load_spec, spec_names
    from ..frontend.errors import InputError
    from ..simulator.fit import on_device

    if on in spec_names():
        found = load_spec(on)
        raise InputError(
            f"--on {on}: expected a template with --device, found the spec of an accelerator"
            f"{f' for {found.device.name}' if found.device else ''}; leave out --device, or see "
            "`chiploom dataflows`"
        )
    return on_device(on, device, _values(parameters))


def fitted(
    graphs: Sequence[LayerGraph],
    template: str | None,
    device: str | None,
    parameters: Sequence[str] | None,
    limit: Sequence[str] | None,
    effort: EffortName,
    cache: MappingCache,
    progress: Progress | None,
) -> tuple[Accelerator, FitSummary]:
    """The fastest design of a template on a device.

    Raises:
        InputError: something is not known or not legal.
        DoesNotFitError: nothing fits.
    """
    from ..simulator.fit import fit

    assert template is not None
    assert device is not None

    def report(simulated: int, left: int, cycles: int) -> None:
        if progress is not None:
            progress(simulated, simulated + left, f"{cycles:,} cycles")

    accelerator, result = fit(
        graphs,
        template,
        device,
        _values(parameters),
        effort=effort,
        cache=cache,
        limits=_limits(limit),
        progress=report,
    )
    assert result.fit is not None
    return accelerator, result.fit


def pipeline(
    graphs: Sequence[LayerGraph],
    device: str,
    parameters: Sequence[str] | None,
    limit: Sequence[str] | None,
    json_path: Path | None,
    quiet: bool,
) -> None:
    """Split a device over one engine per layer, and say what comes of it.

    Raises:
        InputError: there are several networks, or something is given that has no meaning here.
        DoesNotFitError: even the smallest engines have no room.
    """
    import json

    from .. import output
    from ..frontend.errors import InputError
    from ..reports.stages import print_stages, stages_json
    from ..simulator.stages import TEMPLATE, balance

    values = _values(parameters)
    bits = values.pop("bits", 8)
    if values or limit or not isinstance(bits, int) or not 1 <= bits <= 32:
        raise InputError(
            f"--on {TEMPLATE} --fit: every engine's parameters are found; expected no --limit, and "
            "of --set `bits` alone, the width of weights and activations, 1 to 32"
        )
    if len(graphs) != 1:
        raise InputError(f"--on {TEMPLATE} --fit: expected one network, found {len(graphs)}")
    found = balance(graphs[0], device, bits=bits)
    if not (quiet or output.is_stdout(json_path)):
        print_stages(found, output.console())
    if json_path is not None:
        text = json.dumps(stages_json(found), indent=1, allow_nan=False)
        output.write(json_path, text + "\n")


def _values(parameters: Sequence[str] | None) -> dict[str, Any]:
    """`NAME=VALUE` as a spec would have it: a whole number, a number, or text."""
    from ..frontend.errors import InputError

    found: dict[str, Any] = {}
    for text in parameters or ():
        name, equals, value = text.partition("=")
        if not name or not equals or not value:
            raise InputError(f"--set {text}: expected NAME=VALUE, as tm=64")
        if name in found:
            raise InputError(f"--set {text}: {name} is given twice")
        found[name] = _number(value)
    return found


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _limits(limit: Sequence[str] | None) -> dict[str, float]:
    from ..dataflows.resources import LABELS
    from ..frontend.errors import InputError

    found: dict[str, float] = {}
    for text in limit or ():
        name, _, value = text.partition("=")
        number = _number(value)
        if name not in LABELS or isinstance(number, str) or not number >= 0:
            raise InputError(
                f"--limit {text}: expected RESOURCE=N with one of {', '.join(LABELS)} and a number "
                "of at least 0"
            )
        found[name] = float(number)
    return found
