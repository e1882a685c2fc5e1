"""Fuzz everything that chiploom reads: `python tests/fuzz --seconds 60`.

Inputs are made from a seed and a number, so a run is repeated by its seed, and a case by
`python tests/fuzz onnx --seed 1 --case 123`. Every kind has a process of its own, with bounds of
memory and time; a case that kills it, or hangs, is a finding like an error that is no honest one.
Exit code 1 where something was found; inputs and traces are then in the folder of `--out`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import fuzz_targets
import fuzz_worker

_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Found:
    """Defects by what is raised and where: the first case of each, and how many there were."""

    out: Path
    seed: int
    times: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, case: int, what: str, trace: str) -> None:
        name = f"{kind}: {what}"
        self.times[name] = self.times.get(name, 0) + 1
        if self.times[name] > 1:
            return
        print(f"\n{name}\n  python tests/fuzz {kind} --seed {self.seed} --case {case}", flush=True)
        self.out.mkdir(parents=True, exist_ok=True)
        stem = self.out / f"{kind}-{self.seed}-{case}"
        stem.with_suffix(".txt").write_text(f"{name}\n\n{trace}", encoding="utf-8")


class Clock:
    """Time for one kind of input, from its first case on."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.until = seconds, float("inf")

    def is_up(self) -> bool:
        self.until = min(self.until, time.monotonic() + self.seconds)
        return time.monotonic() >= self.until


def fuzz(kind: str, found: Found, arguments: argparse.Namespace, scratch: Path) -> int:
    """Run cases of one kind for the time given; how many there were."""
    case, count = 0, 0
    clock = Clock(arguments.seconds / len(arguments.kinds))
    while True:
        errors = scratch / f"{kind}.stderr"
        with errors.open("w+") as stream:
            command = [sys.executable, fuzz_worker.__file__, kind, str(found.seed), str(case)]
            command += [str(scratch / kind), str(arguments.limit), str(arguments.memory)]
            worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stream, text=True)
            last, done = _watch(worker, found, kind, clock, scratch)
            count += done
            if last is None:
                return count
            stream.seek(0)
            trace = stream.read()[-5000:]
        if last < case:
            raise SystemExit(f"{kind}: the process ends before its first case:\n{trace}")
        what = "does not end" if "Timeout (" in trace else f"ends with {worker.returncode}"
        ours = (line.strip() for line in trace.splitlines() if str(_REPOSITORY) in line)
        where = next((line for line in ours if "/fuzz/" not in line), "")
        found.add(kind, last, f"{what} {where}", trace)
        _keep(scratch / kind, found, kind, last)
        if clock.is_up():
            return count
        case = last + 1


def _watch(
    worker: subprocess.Popen[str], found: Found, kind: str, clock: Clock, scratch: Path
) -> tuple[int | None, int]:
    """Until time is up (None) or the process dies (the case it died of); and cases that ended."""
    assert worker.stdout is not None
    last, done = -1, -1
    for line in worker.stdout:
        told = json.loads(line)
        if "found" in told:
            found.add(kind, told["case"], told["found"], told["trace"])
            _keep(scratch / kind, found, kind, told["case"])
            continue
        last, done = told["case"], done + 1
        if done and clock.is_up():
            worker.kill()
            worker.wait()
            return None, done
        clock.is_up()
    worker.wait()
    return last, max(done, 0)


def _keep(folder: Path, found: Found, kind: str, case: int) -> None:
    """The input of a finding that has just been added, if it is the first of its kind."""
    stem = found.out / f"{kind}-{found.seed}-{case}"
    if stem.with_suffix(".txt").exists():
        for file in folder.glob("input*"):
            shutil.copyfile(file, found.out / f"{stem.name}{file.name.removeprefix('input')}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(fuzz_targets.TARGETS))
    parser.add_argument("--seconds", type=float, default=60, help="all kinds together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="run this one alone, here")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="folder of findings")
    parser.add_argument("--limit", type=float, default=60, help="seconds of one case")
    parser.add_argument("--memory", type=float, default=6, help="GiB of a process")
    arguments = parser.parse_args()
    arguments.kinds = arguments.kinds or list(fuzz_targets.TARGETS)
    if arguments.case is not None:
        (kind,) = arguments.kinds
        print(fuzz_targets.run(kind, arguments.seed, arguments.case, arguments.out / kind))
        return 0
    found = Found(arguments.out, arguments.seed)
    with tempfile.TemporaryDirectory() as scratch:
        for kind in arguments.kinds:
            start = time.monotonic()
            count = fuzz(kind, found, arguments, Path(scratch))
            print(f"{kind}: {count} cases in {time.monotonic() - start:.0f} s", flush=True)
    for name, times in found.times.items():
        print(f"{times:5} x {name}")
    print(
        f"seed {arguments.seed}: {len(found.times)} defects"
        + (f", see {found.out}" if found.times else "")
    )
    return 1 if found.times else 0


if __name__ == "__main__":
    sys.exit(main())
