"""The process that runs cases, with bounds of memory and time: it may die of one."""

from __future__ import annotations

import faulthandler
import json
import resource
import sys
import traceback
import warnings
from pathlib import Path

import fuzz_targets

_REPOSITORY = Path(__file__).resolve().parents[2]


def signature(error: BaseException) -> str:
    """What is raised, and the innermost place in chiploom that it passes: equal for one defect."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        f"{Path(frame.filename).relative_to(_REPOSITORY)}:{frame.lineno}"
        for frame in frames
        if Path(frame.filename).is_relative_to(_REPOSITORY)
        and not Path(frame.filename).is_relative_to(Path(__file__).parent)
    ]
    return f"{type(error).__name__} at {ours[-1] if ours else 'fuzz'}"


def main(kind: str, seed: int, first: int, folder: Path, seconds: float, gib: float) -> None:
    """Cases from `first` on without end; a line of JSON before and after each."""
    limit = int(gib * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for category in (RuntimeWarning, SyntaxWarning):
        warnings.simplefilter("error", category)
    report, sys.stdout = sys.stdout, sys.stderr
    folder.mkdir(parents=True, exist_ok=True)
    fuzz_targets.warm_up(kind, folder)
    case = first
    while True:
        print(json.dumps({"case": case}), file=report, flush=True)
        faulthandler.dump_traceback_later(seconds, exit=True)
        try:
            fuzz_targets.run(kind, seed, case, folder)
        except Exception as error:  # noqa: BLE001  (whatever it is: it is what is looked for)
            found = {"case": case, "found": signature(error), "trace": traceback.format_exc()}
            print(json.dumps(found), file=report, flush=True)
        finally:
            faulthandler.cancel_dump_traceback_later()
        case += 1


if __name__ == "__main__":
    kind, seed, first, folder, seconds, gib = sys.argv[1:]
    main(kind, int(seed), int(first), Path(folder), float(seconds), float(gib))
