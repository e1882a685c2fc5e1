"""A study that is searched in a second: small networks, few designs, made-up accuracies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chiploom.search.context import Context
from chiploom.search.run import Progress, co_search
from chiploom.search.study import Ending, Study, open_study
from chiploom.search.study_file import StudyFile, load_study, parse_study

#: Name, space, and what is left of it: 8 classifiers and 4 segmenters.
PAIR = {
    "classify": """
    space: resnet9
    options: {size: 8, channels: 1, classes: 4, filters: [8, 16], bits: 8}
    only:
      {stem: 8, filters1: [8, 16], skips1: [0, 1], filters2: 8, skips2: 0, filters3: [8, 16],
       skips3: 0}
""",
    "segment": """
    space: unet
    options: {size: 16, bits: 8}
    only: {height: [1, 2], filters0: [4, 8], filters1: 4}
""",
}
#: Networks of three layers, so few that all schedules of all designs can be enumerated.
SHORT = {
    "one": """
    space: unet
    options: {size: 16, bits: 8}
    only: {height: 1, filters0: [4, 8, 16]}
""",
    "two": """
    space: unet
    options: {size: 16, channels: 3, bits: 8}
    only: {height: 1, filters0: [4, 8, 16]}
""",
}
#: One network each, whose accuracies do not count.
FIXED = {
    "one": """
    space: unet
    options: {size: 16, bits: 8}
    only: {height: 1, filters0: 8}
""",
    "two": """
    space: unet
    options: {size: 16, channels: 3, bits: 8}
    only: {height: 1, filters0: 4}
""",
}
#: Neither the PEs nor the DRAM are enough for the largest option twice.
HARDWARE = """
hardware:
  technology: {node: 28 nm}
  clock: 1 GHz
  dram: {type: LPDDR4, bandwidth: 6 GB/s}
  totals: {pes: 100}
  sub_accelerators:
    - name: a
      pes: {any_of: [16, 36, 64]}
      dram_bandwidth: {any_of: [2 GB/s, 4 GB/s]}
      any_of:
        - {template: nvdla, shape: [atomic_c, atomic_k], parameters: {cbuf: 16 KiB}}
        - template: shidiannao
          shape: [rows, columns]
          parameters:
            {weight_bits: 8 bit, input_bits: 8 bit, output_bits: 8 bit, psum_bits: 24 bit,
             nbin: 8 KiB, nbout: 4 KiB, sb: 4 KiB}
    - {name: b, like: a}
"""
#: The same with fewer PEs to choose from, for proofs.
FEW = HARDWARE.replace("[16, 36, 64]", "[16, 64]")
#: Met by many combinations of networks, missed by the largest ones and by many designs.
SPECS = "{latency: 9000, energy: 1.6 uJ, area: 0.2 mm2}"
#: Less latency than any network takes.
HOPELESS = "{latency: 500, energy: 1.6 uJ, area: 0.2 mm2}"


def write(
    folder: Path,
    *,
    networks: dict[str, str] = PAIR,
    hardware: str = HARDWARE,
    steps: tuple[float, float] = (0.05, 0.037),
    accuracy: bool = True,
    specs: str | None = SPECS,
    strategy: str = "random",
    options: str = "{}",
    trials: int = 6,
    designs: int = 12,
    seed: int = 0,
    batch: int = 2,
    more: str = "",
    name: str = "study",
) -> Path:
    """The study's file, and tables of accuracies beside it: the more operations, the better.

    Args:
        steps: from one network's accuracy to the next one's; with these, no two sums are equal.
    """
    text = "networks:"
    for network, stated in networks.items():
        text += f"\n  - name: {network}{stated.rstrip()}"
    plain = parse_study(text + hardware, "plain.yaml", folder)
    for network, step in zip(plain.networks, steps, strict=True) if accuracy else ():
        space = network.space
        by_work = sorted(
            (space.build(choice).macs, space.encode(choice)) for choice in space.choices()
        )
        rows = [f'"{key}",{0.5 + step * n:.3f}' for n, (_, key) in enumerate(by_work)]
        (folder / f"{network.name}.csv").write_text("\n".join(["key,accuracy", *rows]) + "\n")
        part = f"  - name: {network.name}\n"
        text = text.replace(part, f"{part}    accuracy: {{table: {network.name}.csv}}\n")
    text += hardware + (f"specs: {specs}\n" if specs else "") + more
    text += f"strategy: {strategy}\noptions: {options}\nseed: {seed}\nbatch: {batch}\n"
    text += f"budget: {{trials: {trials}, designs: {designs}, time: 2 min}}\n"
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return file


def context(file: Path, tables: Path) -> Context:
    return Context(load_study(file), tables)


def search(
    file: Path | StudyFile, tables: Path, db: Path, *, stop: int | None = None, **more: Any
) -> tuple[Study, Ending]:
    """A whole search, or one that Ctrl-C ends when `stop` trials have been told."""

    def report(progress: Progress) -> None:
        if progress.trials == stop and progress.phase != "done":
            raise KeyboardInterrupt

    study = co_search(file, db=db, cache=tables, report=report, **more)
    assert study.ending is not None
    return study, study.ending


def opened(db: Path) -> Study:
    """A study that another process has searched."""
    return open_study(db)


Found = tuple[str, str, int, float]


def designs_of(study: Study) -> list[Found]:
    """Networks, hardware, cycles and energy of every design, in the order of their numbers."""
    return [(d.networks, d.hardware, d.cycles, d.energy_pj) for d in study.store.all()]


def keys_of(study: Study, networks: str) -> tuple[str, ...]:
    """Keys of a design's networks, in the study's order."""
    chosen = json.loads(networks)
    return tuple(chosen[network.name] for network in study.file.networks)


def told_networks(study: Study) -> list[tuple[str, ...]]:
    """Keys of the networks of every trial that was told."""
    return [tuple(study.notes(trial)["networks"].values()) for trial in study.told()]


def duplicates(found: Sequence[Found]) -> list[tuple[str, str]]:
    """Networks and hardware that are there more than once."""
    pairs = [one[:2] for one in found]
    return sorted({pair for pair in pairs if pairs.count(pair) > 1})
