"""YAML and JSON files that are almost right."""

from __future__ import annotations

import copy
import json
import random
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import fuzz_values as values
import yaml

_REPOSITORY: Final = Path(__file__).resolve().parents[2]

#: Where each kind of YAML file is found.
_FOLDERS: Final = {
    "spec": "dataflows/specs",
    "template": "dataflows/templates",
    "device": "dataflows/devices",
    "study": "examples",
}

#: What may stand where a quantity, an expression or a range is expected.
_WRITTEN: Final = (
    "1e400", "-1e400", ".nan", ".inf", "1_0", "0x10", "0o17", "1e-400", "9" * 300, "9" * 5000,
    "0 bit", "-1 KiB", "1e308 TB", "1 words of 1 bit", "0 words of 0 bit", "1e-300 GB/s",
    "unlimited", "0 GHz", "1e300 GHz", "1e-300 nm", "0 cycles", "1 pJ/0 bit", "1 parsec",
    "${rows}", "${9**9**9}", "${2**64**64}", "${(2**32)**64*(2**32)**64*1e10}", "${1/0}",
    "${floor(1e308*10-1e308*10)}", "${(-1)**0.5}", "${'a'*9}", "${min()}", "${rows", "${}",
    "${" + "(" * 240 + "1" + ")" * 240 + "}", "${" + "-" * 490 + "1}", "${__import__('os')}",
    "${rows.__class__}", "${[1][0]}", "${lambda: 1}", "${1 if rows else 'x'}", "${'\\d'}",
    "all", "none", "B G K C", "W I O", "W W", "inline", "./x.yaml", "/dev/zero", "\0.yaml",
    "eyeriss", "nvdla", "x" * 300 + ".yaml",
)  # fmt: skip


@lru_cache(maxsize=8)
def corpus(kind: str) -> tuple[str, ...]:
    return tuple(
        file.read_text(encoding="utf-8")
        for file in sorted((_REPOSITORY / _FOLDERS[kind]).glob("*.yaml"))
        if kind != "study" or "networks:" in file.read_text(encoding="utf-8")
    )


def yaml_file(kind: str, draw: random.Random) -> bytes:
    """A YAML file, changed as data, as lines, or as bytes."""
    text = draw.choice(corpus(kind))
    if draw.random() < 0.75:
        data = yaml.safe_load(text)
        others = [yaml.safe_load(one) for one in draw.sample(corpus(kind), 2)]
        for _ in range(draw.choice((1, 1, 2, 4))):
            data = _changed(data, draw, others)
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    for _ in range(draw.choice((0, 0, 1, 3))):
        text = _relined(text, draw)
    content = text.encode("utf-8", "surrogatepass")
    return values.damaged(content, draw) if draw.random() < 0.05 else content


def json_file(document: dict[str, Any], draw: random.Random) -> bytes:
    """A JSON file, changed as data or as bytes."""
    data: Any = copy.deepcopy(document)
    for _ in range(draw.choice((1, 1, 2, 4))):
        data = _changed(data, draw, [document])
    content = json.dumps(data).encode()
    return values.damaged(content, draw) if draw.random() < 0.1 else content


def changed_json(text: str, draw: random.Random) -> str:
    """JSON text with one change; what is no JSON any more loses its end."""
    try:
        data = json.loads(text)
    except ValueError:
        return text[:-1]
    return json.dumps(_changed(data, draw, [data]))


# -- data --------------------------------------------------------------------------------------
def _places(data: Any) -> list[tuple[Any, Any]]:
    """(mapping or list, key or position) of every value."""
    found, waiting = [], [data]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            keys = list(one) if isinstance(one, dict) else range(len(one))
            found += [(one, key) for key in keys]
            waiting.extend(one[key] for key in keys)
    return found


def _changed(data: Any, draw: random.Random, others: list[Any]) -> Any:
    places = _places(data)
    if not places:
        return _value(draw)
    holder, key = draw.choice(places)
    kind = draw.randrange(9)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[draw.choice((values.text(draw), f"{key}s"))] = holder.pop(key)
    elif kind == 2 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    elif kind == 3:  # the value of another place, or of another file
        source, place = draw.choice(_places(draw.choice(others)) or places)
        holder[key] = copy.deepcopy(source[place])
    elif kind == 4:
        holder[key] = draw.choice(([holder[key]], {"x": holder[key]}, [], {}, None))
    elif kind == 5 and isinstance(holder[key], str):
        holder[key] = _retext(holder[key], draw)
    elif kind == 6 and isinstance(holder[key], int | float):
        holder[key] = draw.choice((holder[key] * 10**6, -holder[key], holder[key] / 7, 0))
    else:
        holder[key] = _value(draw)
    return data


def _value(draw: random.Random) -> Any:
    kind = draw.randrange(6)
    if kind == 0:
        return values.integer(draw)
    if kind == 1:
        return values.real(draw)
    if kind == 2:
        return draw.choice((True, False, None, [], {}, 10**30, -(10**30)))
    return draw.choice(_WRITTEN) if kind < 5 else values.text(draw)


def _retext(text: str, draw: random.Random) -> str:
    """Another number in front of the same unit, or a part of the text."""
    words = text.split(" ")
    place = draw.randrange(len(words))
    words[place] = draw.choice(
        (str(values.integer(draw)), str(values.real(draw)), "", "KiB", "GHz")
    )
    return " ".join(words) if draw.random() < 0.8 else text[: draw.randrange(len(text) + 1)]


# -- lines -------------------------------------------------------------------------------------
def _relined(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    place = draw.randrange(len(lines))
    kind = draw.randrange(7)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines.insert(draw.randrange(len(lines) + 1), lines[place])
    elif kind == 2:
        lines[place] = " " * draw.randrange(5) + lines[place].lstrip()
    elif kind == 3 and ":" in lines[place]:
        lines[place] = lines[place].split(":")[0] + ": " + draw.choice(_WRITTEN)
    elif kind == 4 and ":" in lines[place]:
        mark = draw.choice(("&a ", "*a", "!!python/object:os.system ", "!x ", "<<: ", "? ", "| "))
        lines[place] = lines[place].replace(": ", ": " + mark, 1)
    elif kind == 5:
        lines.insert(
            place, draw.choice(("---", "...", "%YAML 1.1", "\t", "- ", "? a", "'", "[", "{"))
        )
    else:
        lines[place] += draw.choice((" #", ":", "\t", "\u2028", '"', ", x", "]", "}"))
    return "\n".join(lines)
