"""Runs a command as a process of its own, and prints what it took as JSON.

    python benchmarks/launch.py COMMAND [ARGUMENT ...]

Imports next to nothing: a process starts with the peak memory of the one that started it.
"""

import json
import os
import subprocess
import sys
import time


def main() -> int:
    begun = time.perf_counter()
    child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    clock = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    found = {
        "cpu": usage.ru_utime + usage.ru_stime,
        "clock": clock,
        "memory": usage.ru_maxrss * unit,
    }
    print(json.dumps(found))
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
