"""Licences of what chiploom installs, from the packages' own metadata.

    python .ci/licences.py               # refuse the GPL among what a plain install brings
    python .ci/licences.py --table       # the tables of docs/licences.md

Looks at the environment that it runs in, and at further folders of packages given by `--path`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: Of what links to these all must be under them. The LGPL and exceptions do not ask that.
FORBIDDEN = re.compile(r"\bA?GPL|(?<!Lesser )General Public License|Affero")
EXCEPTION = re.compile(r"WITH [\w.-]*exception", re.IGNORECASE)


def licence(package: Distribution) -> str:
    """The SPDX expression where there is one, else what the classifiers or the text say."""
    about = package.metadata
    if "License-Expression" in about:
        return about["License-Expression"]
    classifiers = about.get_all("Classifier") or []
    told = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License :: OSI")]
    if told:
        return ", ".join(told)
    text = about["License"].strip() if "License" in about else ""
    return text.splitlines()[0] if text else "not stated"


def is_forbidden(text: str) -> bool:
    """Whether one of the licences that hold together is the GPL, without another to choose."""
    together = re.split(r"\bAND\b|,", text)
    choices = [re.split(r"\bOR\b", one) for one in together]
    return any(
        all(FORBIDDEN.search(one) and not EXCEPTION.search(one) for one in choice)
        for choice in choices
    )


def closure(wanted: Iterable[Requirement], known: dict[str, Distribution]) -> dict[str, str]:
    """Licences by name of all that these need here; "not installed" where something is missing."""
    found: dict[str, str] = {}
    asked: set[tuple[str, str]] = set()
    open_ = [(requirement, extra) for requirement in wanted for extra in extras(requirement)]
    while open_:
        requirement, extra = open_.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in asked:
            continue
        asked.add((name, extra))
        if name not in known:
            found[name] = "not installed"
            continue
        found[name] = licence(known[name])
        for line in known[name].requires or ():
            inner = Requirement(line)
            if inner.marker is None or inner.marker.evaluate({"extra": extra}):
                open_ += [(inner, one) for one in extras(inner)]
    return found


def extras(requirement: Requirement) -> list[str]:
    return ["", *requirement.extras]


def requirements(package: Distribution, extra: str) -> list[Requirement]:
    """Of an extra of chiploom, or of a plain install; those of other Pythons too."""
    lines = [Requirement(line) for line in package.requires or ()]
    by_extra = [re.search(r'extra == "([\w-]+)"', str(one.marker or "")) for one in lines]
    return [
        one
        for one, match in zip(lines, by_extra, strict=True)
        if (match[1] if match else "") == extra
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--path", action="append", default=[])
    arguments = parser.parse_args()
    known: dict[str, Distribution] = {}
    known |= {canonicalize_name(one.name): one for one in distributions(path=arguments.path)}
    known |= {canonicalize_name(one.name): one for one in distributions()}
    chiploom = known["chiploom"]
    plain = closure(requirements(chiploom, ""), known)
    if arguments.table:
        print(table("installed by", plain, direct(requirements(chiploom, "")), "chiploom"))
        for extra in ("hwcomponents", "png", "parquet", "ray", "train", "predictor"):
            wanted = requirements(chiploom, extra)
            more = closure(wanted, known)
            new = {name: text for name, text in more.items() if name not in plain}
            print(table("installed by", new, direct(wanted), f"chiploom[{extra}]"))
        return 0
    missing = sorted(name for name, text in plain.items() if text == "not installed")
    refused = sorted(f"{name} ({text})" for name, text in plain.items() if is_forbidden(text))
    for name in missing:
        print(f"{name}: chiploom needs it, it is not installed", file=sys.stderr)
    for line in refused:
        print(f"{line}: expected no GPL among what chiploom installs", file=sys.stderr)
    if not (missing or refused):
        print(f"{len(plain)} packages, none of them under the GPL")
    return 1 if missing or refused else 0


def direct(wanted: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(one.name) for one in wanted}


def table(heading: str, found: dict[str, str], named: set[str], by: str) -> str:
    """Markdown; what chiploom names itself first."""
    rows = sorted(found.items(), key=lambda one: (one[0] not in named, one[0]))
    lines = [f"| package | {heading} | licence |", "|---|---|---|"]
    lines += [f"| {n} | {by if n in named else 'another'} | {text} |" for n, text in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
