"""Are the lower bounds of the dependencies true?

    python .ci/lowest.py

Run where the lowest versions that pyproject.toml allows are installed: every bound must be one that
an installer can come down to. The tests on them say whether it works.
"""

from __future__ import annotations

import sys
from importlib.metadata import requires, version

from packaging.requirements import Requirement
from packaging.version import Version


def main() -> int:
    wrong = 0
    for line in requires("chiploom") or ():
        requirement = Requirement(line)
        if requirement.marker is not None:  # of an extra
            continue
        (bound,) = (one.version for one in requirement.specifier if one.operator == ">=")
        wanted, found = Version(bound).release, Version(version(requirement.name)).release
        if found[: len(wanted)] != wanted:
            shown = ".".join(map(str, found))
            print(
                f"{requirement.name}: the bound is {bound}, others need at least {shown}: raise it",
                file=sys.stderr,
            )
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main())
