"""Measures an accuracy table by training: `python -m chiploom.search.measure_tables --help`.

Every row is appended as soon as it is known. Started again with the same arguments it goes on
where it was stopped, within a training too.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from ..frontend.errors import InputError
from .evaluators import TrainEvaluator, Training, load_dataset
from .spaces import Choice, ResNet9, Space, UNet
from .spaces.resnet9 import VARIANTS

#: What is added to the seed of a training that failed.
RETRY: Final = 1000

COLUMNS: Final = (
    "key", "seed", "accuracy", "uncertainty", "epochs", "seconds", "macs", "dataset",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for; 0, or 2 for bad input."""
    given = _parser().parse_args(arguments)
    try:
        dataset = load_dataset(given.dataset, size=given.size, seed=0)
        channels, rows, _ = dataset.shape
        space: Space
        if given.space == "resnet9":
            space = ResNet9(given.variant, size=rows, channels=channels, classes=dataset.classes)
        else:
            space = UNet(rows, channels=channels, classes=dataset.classes)
        evaluator = TrainEvaluator(
            dataset,
            Training(given.epochs, given.batch, given.rate, patience=given.patience),
            folder=given.checkpoints,
            threads=given.threads,
        )
        todo = list(_drawn(space, given.count, given.most_macs))
        measure(space, todo, given.seeds, evaluator, given.out, given.retry_below)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def measure(
    space: Space,
    choices: Sequence[Choice],
    seeds: Sequence[int],
    evaluator: TrainEvaluator,
    out: Path,
    retry_below: float = 0.0,
) -> None:
    """Append a row for each choice and seed that the file does not have.

    Args:
        retry_below: a training that scores less has failed; it is done again with the seed
            `RETRY` higher, and the better of the two is the row, with its seed.
    """
    known = _measured(out)
    missing = [
        (choice, seed)
        for choice in choices
        for seed in seeds
        if not {(space.encode(choice), str(s)) for s in (seed, seed + RETRY)} & known
    ]
    print(f"{space.name}: {len(missing)} of {len(choices) * len(seeds)} trainings to do")
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        if stream.tell() == 0:
            writer.writerow(COLUMNS)
        start = time.perf_counter()
        for done, (choice, seed) in enumerate(missing, start=1):
            run = evaluator.run(space, choice, seed)
            if run.value < retry_below:
                again = evaluator.run(space, choice, seed + RETRY)
                if again.value > run.value:
                    run, seed = again, seed + RETRY
            key, macs = space.encode(choice), space.build(choice).macs
            numbers = (f"{run.value:.5f}", f"{run.error:.5f}", run.epochs, f"{run.seconds:.1f}")
            writer.writerow((key, seed, *numbers, macs, evaluator.dataset.name))
            stream.flush()
            left = (time.perf_counter() - start) / done * (len(missing) - done)
            print(
                f"{done}/{len(missing)} {key} seed {seed}: {run.value:.4f} after {run.epochs} "
                f"epochs, {run.seconds:.1f} s; {left / 60:.0f} min left",
                flush=True,
            )


def _measured(out: Path) -> set[tuple[str, str]]:
    """Keys and seeds of the rows that a file has."""
    if not out.exists() or not out.stat().st_size:
        return set()
    with out.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        rows = list(reader)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise InputError(f"{out}: expected columns {', '.join(COLUMNS)}; name another file")
    return {(row["key"], row["seed"]) for row in rows}


def _drawn(space: Space, count: int, most_macs: float) -> Iterator[Choice]:
    """Distinct random choices, always the same ones, of networks that are not too large."""
    random, seen = np.random.default_rng(0), set[str]()
    for _ in range(100 * count):
        choice = space.sample(random)
        key = space.encode(choice)
        if key not in seen and space.build(choice).macs <= most_macs:
            seen.add(key)
            yield choice
            if len(seen) == count:
                return
    raise InputError(
        f"space {space.name}: expected {count} networks of at most {most_macs:g} "
        f"multiply-accumulates, found {len(seen)}; ask for fewer, or for larger ones"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure a table of accuracies by training.")
    parser.add_argument("space", choices=("resnet9", "unet"))
    parser.add_argument(
        "--variant", choices=tuple(VARIANTS), default="cifar10", help="of resnet9's choices"
    )
    parser.add_argument("--dataset", required=True, help="digits, mnist5000, .npz or folder")
    parser.add_argument("--size", type=int, help="rows and columns of the images")
    parser.add_argument("--out", type=Path, required=True, help="CSV, appended to")
    parser.add_argument("--count", type=int, default=150, help="networks")
    parser.add_argument("--most-macs", type=float, default=float("inf"), help="of a network")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--retry-below", type=float, default=0.0, help="score of a failed training")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--patience", type=int, default=8)
    parser.add_argument("--checkpoints", type=Path, help="folder, to go on within a training")
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
