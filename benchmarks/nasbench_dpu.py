"""Measured latency of Accel-NASBench's networks on a ZCU102's DPU beside the spec `dpu-b4096`.

    python benchmarks/nasbench_dpu.py --data accel_nasbench_imagenet.csv [--count 300] [--seed 0]

The file is not part of the project. It is Accel-NASBench's collection (Ahmad et al., DAC 2024,
github.com/afzalxo/Accel-NASBench, anb_dataset, Apache-2.0) as CSV: `e`, `k`, `l`, `se` with one
digit for each of the seven stages, `macs_m`, `params_m`, and `latency_zcu102` in ms. Prints rank
correlations of a random choice of rows; `--json` writes every row. Exits with 1 where a network
has other parameters than the file says, with 2 where the file is missing or another one.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt

from chiploom.dataflows import Accelerator, load_spec
from chiploom.frontend.errors import InputError
from chiploom.frontend.graph import LayerGraph
from chiploom.search.evaluators.published import accel_nasbench_choice
from chiploom.search.spaces import MnasNet
from chiploom.simulator import MappingCache, simulate
from chiploom.simulator.mapper import EffortName
from chiploom.simulator.validation.report import spearman

COLUMNS: Final = ("e", "k", "l", "se", "macs_m", "params_m", "latency_zcu102")
SPEC: Final = "dpu-b4096"
#: What of a layer's name says what it is, the first that fits.
PARTS: Final = ("depthwise", "se/Global", "se/Mul", "se/", "expand", "project", "")
PART_NAMES: Final = {"se/Global": "se pool", "se/Mul": "se multiply", "se/": "se products",
                     "": "stem, head, classifier"}  # fmt: skip


def deployed_space() -> MnasNet:
    """The space as a DPU takes it, int8; activations are assumed to be those that it has."""
    return MnasNet(bits=8, activation="Relu", gate=("Relu", "HardSigmoid"))


@dataclass(frozen=True)
class Row:
    """One network.

    Attributes:
        network: its key in the space.
        measured, modelled: ms.
        millions: (published, built) parameters in millions.
        parts: modelled ms by kind of layer.
    """

    network: str
    measured: float
    modelled: float
    millions: tuple[float, float]
    parts: dict[str, float]


def read(path: Path, count: int, seed: int) -> list[dict[str, str]]:
    """A random choice of the rows that have a latency, in their order in the file.

    Raises:
        InputError: it is not that file, or has fewer rows.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            rows = [{**row, "row": str(n)} for n, row in enumerate(reader, start=1)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected Accel-NASBench as CSV, but {error}") from None
    if missing:
        raise InputError(f"{path}: expected Accel-NASBench as CSV, which has columns "
                         f"{', '.join(COLUMNS)}; {', '.join(missing)} missing")  # fmt: skip
    rows = [row for row in rows if row["latency_zcu102"]]
    if len(rows) < count:
        raise InputError(f"{path}: expected at least {count} rows with a latency, "
                         f"found {len(rows)}; ask for fewer with --count")  # fmt: skip
    return [rows[n] for n in sorted(random.Random(seed).sample(range(len(rows)), count))]


def number(row: Mapping[str, str], column: str, where: str) -> float:
    """A field. Raises InputError where it is no positive number."""
    try:
        value = float(row[column])
    except (TypeError, ValueError):
        value = 0.0
    if not 0 < value < np.inf:
        raise InputError(f"{where}: {column}: expected a positive number, found {row[column]!r}")
    return value


def parameters(graph: LayerGraph) -> int:
    """As the data set counts them: weights, biases, and two for each normalised channel."""
    total = 0
    for layer in graph.compute_layers:
        outputs = layer.nest["K"] * layer.nest["G"]
        biased = layer.op == "Gemm" or "/se/" in layer.name
        total += layer.nest.elements("W") + (1 if biased else 2) * outputs
    return total


def part(name: str) -> str:
    """What a layer is, as tables name it."""
    found = next(text for text in PARTS if text in name)
    return PART_NAMES.get(found, found)


def modelled(
    row: Mapping[str, str],
    where: str,
    space: MnasNet,
    accelerator: Accelerator,
    effort: EffortName,
    cache: MappingCache,
) -> Row:
    """One network simulated."""
    choice = accel_nasbench_choice(where, row)
    graph = space.build(choice)
    result = simulate(graph, accelerator, objective="latency", effort=effort, schedule="list",
                      cache=cache)  # fmt: skip
    milliseconds = 1e3 / accelerator.clock_hz
    parts: dict[str, float] = {}
    for layer in result.layers:
        kind = part(layer.name)
        parts[kind] = parts.get(kind, 0.0) + layer.cycles * milliseconds
    return Row(
        space.encode(choice),
        number(row, "latency_zcu102", where),
        result.cycles * milliseconds,
        (number(row, "params_m", where), parameters(graph) / 1e6),
        parts,
    )


def kendall(one: Sequence[float], other: Sequence[float]) -> float:
    """Kendall's rank correlation, tau-b."""
    a, b = (np.sign(np.subtract.outer(values, values)) for values in (one, other))
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Correlations, and how far off once one factor is taken out."""
    measured = np.array([row.measured for row in rows])
    model = np.array([row.modelled for row in rows])
    scale = float(np.median(measured / model))
    errors = np.abs(model * scale / measured - 1)
    return {
        "rows": len(rows),
        "spearman": spearman(list(measured), list(model)),
        "kendall": kendall(list(measured), list(model)),
        "pearson": float(np.corrcoef(measured, model)[0, 1]),
        "scale": scale,
        "mean_error_unscaled": float(np.abs(model / measured - 1).mean()),
        "mean_error_scaled": float(errors.mean()),
        "worst_error_scaled": float(errors.max()),
        "parameters_differ": sum(abs(a - b) > 1e-6 for a, b in (r.millions for r in rows)),
    }


def fifths(rows: Sequence[Row]) -> list[npt.NDArray[np.float64]]:
    """Measured and modelled ms of five groups from the fastest to the slowest: least, mean and
    greatest measured, mean, least and greatest modelled to measured."""
    ordered = sorted(rows, key=lambda row: row.measured)
    found = []
    for group in np.array_split(np.arange(len(ordered)), min(5, len(ordered))):
        measured = np.array([ordered[n].measured for n in group])
        model = np.array([ordered[n].modelled for n in group])
        ratio = model / measured
        found.append(np.array([measured.min(), measured.mean(), measured.max(), model.mean(),
                               ratio.min(), ratio.max()]))  # fmt: skip
    return found


def show(rows: Sequence[Row], seconds: float) -> None:
    whole = summary(rows)
    print(
        f"{len(rows)} networks in {seconds:.0f} s; parameters as published in "
        f"{len(rows) - whole['parameters_differ']}\n"
    )
    print("| networks | Spearman | Kendall | Pearson | measured / modelled | mean error, scaled |")
    print("|---|---|---|---|---|---|")
    plain = [row for row in rows if "se pool" not in row.parts]
    squeezed = [row for row in rows if "se pool" in row.parts]
    for name, some in (("all", rows), ("without SE", plain), ("with SE", squeezed)):
        if len(some) > 2:
            of = summary(some)
            print(
                f"| {name}: {len(some)} | {of['spearman']:.4f} | {of['kendall']:.4f} "
                f"| {of['pearson']:.4f} | {of['scale']:.2f} | {of['mean_error_scaled']:.1%} |"
            )
    print("\n| fifth | measured, ms | mean | modelled, mean | modelled / measured |")
    print("|---|---|---|---|---|")
    for index, (least, mean, most, model, low, high) in enumerate(fifths(rows), start=1):
        print(
            f"| {index} | {least:.2f} to {most:.2f} | {mean:.2f} | {model:.2f} "
            f"| {low:.2f} to {high:.2f} |"
        )
    print("\n| part | modelled, mean ms |\n|---|---|")
    for name in dict.fromkeys(PART_NAMES.get(text, text) for text in PARTS):
        print(f"| {name} | {sum(row.parts.get(name, 0.0) for row in rows) / len(rows):.3f} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="accel_nasbench_imagenet.csv")
    parser.add_argument("--count", type=int, default=300, help="networks, 3 at least")
    parser.add_argument("--seed", type=int, default=0, help="of their random choice")
    parser.add_argument("--on", default=SPEC, help="another spec")
    parser.add_argument("--effort", default="fast", choices=get_args(EffortName))
    parser.add_argument("--json", type=Path, help="writes summary and rows")
    asked = parser.parse_args()
    if asked.count < 3:
        parser.error(f"--count: expected at least 3, found {asked.count}")
    before = time.monotonic()
    space, cache = deployed_space(), MappingCache()
    try:
        accelerator = load_spec(asked.on)
        rows = []
        for row in read(asked.data, asked.count, asked.seed):
            where = f"{asked.data}: row {row['row']}"
            rows.append(modelled(row, where, space, accelerator, asked.effort, cache))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    show(rows, time.monotonic() - before)
    if asked.json:
        whole = {"seed": asked.seed, "summary": summary(rows), "rows": [asdict(r) for r in rows]}
        asked.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return int(summary(rows)["parameters_differ"] > 0)


if __name__ == "__main__":
    sys.exit(main())
