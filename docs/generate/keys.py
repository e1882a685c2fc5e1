"""Reference of every YAML key, made of the schemas.

Keys, types, choices and defaults are those of the pydantic models. What a key means stands in the
model's docstring (`Attributes:`), or in the table that a page in docs/ has on the model; a key
without either, or a row without a key, is an error.
"""

from __future__ import annotations

import re
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from commands import MADE
from griffe import Docstring, DocstringSectionKind
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from chiploom.dataflows import schema as spec
from chiploom.dataflows import versions
from chiploom.search import study_schema as study

DOCS = Path(__file__).resolve().parents[1]

#: Models in the order of the page, with the title that each has there.
SPEC = {
    spec.SpecModel: "A spec",
    spec.TechnologyModel: "technology",
    spec.DramModel: "dram",
    spec.CacheModel: "dram.caches[]",
    spec.SubModel: "sub_accelerators[]",
    spec.Architecture: "An architecture",
    spec.AxisModel: "axes[]",
    spec.MemoryModel: "memories[]",
    spec.PrecisionModel: "precision",
    spec.MacModel: "mac",
    spec.VectorModel: "vector",
    spec.SkewModel: "skew",
    spec.CommandsModel: "commands",
    spec.ControlModel: "control",
    spec.ModeModel: "modes[]",
    spec.OnlyModel: "modes[].only",
    spec.TemplateModel: "A template",
    spec.ParameterModel: "parameters.NAME",
    spec.FitModel: "fit.NAME",
    spec.DeviceModel: "A device",
    spec.ResourcesModel: "resources",
}
STUDY = {
    study.StudyModel: "A study",
    study.NetworkModel: "networks[]",
    study.TransformsModel: "networks[].transforms",
    study.AccuracyModel: "networks[].accuracy",
    study.TableModel: "accuracy.table",
    study.PredictorModel: "accuracy.predictor",
    study.TrainModel: "accuracy.train",
    study.CommandModel: "accuracy.command",
    study.PublishedModel: "accuracy.published",
    study.MappingModel: "mapping",
    study.SpecsModel: "specs",
    study.MetricsModel: "bounds, scales",
    study.BudgetModel: "budget",
}
#: Documents, which may name their version; the key is read before the rest.
VERSIONS = {
    spec.SpecModel: versions.SPEC,
    spec.TemplateModel: versions.TEMPLATE,
    spec.DeviceModel: versions.DEVICE,
    study.StudyModel: versions.SEARCH,
}
#: Page, and the line in front of the table, that say what a model's keys mean.
TABLES = {
    spec.SpecModel: ("specs.md", "## A spec"),
    spec.TechnologyModel: ("specs.md", "## A spec"),
    spec.DramModel: ("specs.md", "**`dram`**"),
    spec.SubModel: ("specs.md", "**A sub-accelerator**"),
    spec.MemoryModel: ("specs.md", "**`memories`**"),
    spec.MacModel: ("specs.md", "**`mac`**"),
    spec.VectorModel: ("specs.md", "**`vector`**"),
    spec.ModeModel: ("specs.md", "**`modes`**"),
    spec.TemplateModel: ("specs.md", "## A template"),
    spec.ParameterModel: ("specs.md", "| key of a parameter"),
    spec.DeviceModel: ("fpga.md", "## A device"),
}
#: What the aliases of the schemas stand for.
WORDS = [
    (spec.Count, "whole number"),
    (spec.Bits, "size"),
    (spec.Size, "size"),
    (spec.Rate, "bandwidth"),
    (spec.Time, "time"),
    (spec.Frequency, "frequency"),
    (spec.Amount, "number"),
    (spec.Length, "length"),
    (spec.Energy, "energy"),
    (spec.EnergyPerBit, "energy per bit"),
    (spec.Area, "area"),
    (spec.Power, "power"),
    (spec.Dims, "dims"),
    (spec.Operands, "operands"),
    (spec.Shared, "axes, `all` or `none`"),
    (spec.Name, "text"),
    (study.Above0, "number above 0"),
    (study.AtLeast0, "number"),
    (study.Share, "number from 0 to 1"),
    (study.Seed, "whole number"),
    (study.Seeds, "whole number, or list"),
    (study.Seconds, "time"),
    (study.Latency, "cycles or time"),
    (study.Energy, "energy"),
    (study.Area, "area"),
    (study.Texts, "text, or list"),
]
PLAIN = {int: "whole number", float: "number", str: "text", bool: "`true`, `false`", Any: "any"}


def spec_page() -> str:
    """Markdown of the keys of specs, templates and devices."""
    return (
        f"{MADE}# Every key of a spec\n\nSpecs, templates and devices, as the schema has them. "
        "[Writing specs and templates](specs.md) explains them, and the units of quantities.\n\n"
        + _models(SPEC)
    )


def study_page() -> str:
    """Markdown of the keys of study files."""
    return (
        f"{MADE}# Every key of a study\n\nStudy files, as the schema has them. "
        "[Co-search](search.md) explains them; `hardware` is a [spec](spec-keys.md) in which "
        "ranges may stand for numbers.\n\n" + _models(STUDY)
    )


def keys(model: type[BaseModel]) -> dict[str, tuple[str, str]]:
    """What each key of a model means, and its default where that takes words.

    Raises:
        ValueError: a key has no meaning, or a meaning no key.
    """
    found = _in_docstring(model) or _in_table(model)
    if model in VERSIONS:
        found.pop("schema", None)
    if set(found) != set(model.model_fields):
        raise ValueError(
            f"{model.__name__}: keys {sorted(model.model_fields)}, explained {sorted(found)}"
        )
    return found


def _models(titles: dict[Any, str]) -> str:
    return "\n".join(_model(model, title, titles) for model, title in titles.items())


def _model(model: type[BaseModel], title: str, titles: dict[Any, str]) -> str:
    meanings = keys(model)
    hints = typing.get_type_hints(model, include_extras=True)
    summary = (model.__doc__ or "").split("\n\n")[0].strip()
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    if model in VERSIONS:
        rows.append(f"| `schema` | text | `{VERSIONS[model]}` | [kind and version](versions.md) |")
    for key, field in model.model_fields.items():
        kind = _kind(hints[key], titles)
        outer = spec.Architecture.model_fields
        if model in (spec.SubModel, spec.TemplateModel) and key in outer:
            kind += f", [as of an architecture](#{_anchor('An architecture')})"
        meaning, without = (text.replace("|", "\\|") for text in meanings[key])
        rows.append(f"| `{key}` | {kind} | {without or _default(field)} | {meaning} |")
    name = f"## {title}" if title.startswith("A") else f"## `{title}`"
    return f"{name}\n\n{_linked(summary)}\n\n" + "\n".join(rows) + "\n"


def _linked(summary: str) -> str:
    """A docstring's first paragraph on one line, without its pointers into the code."""
    line = " ".join(summary.split())
    return re.sub(r"(: `[\w.]+`(?: and `[\w.]+`)?|; see `[\w.]+` for the meaning)\.", ".", line)


def _anchor(title: str) -> str:
    """As Markdown makes one of a heading."""
    return re.sub(r"[^\w\s-]", "", title.lower()).replace(" ", "-")


def _kind(annotation: Any, titles: dict[Any, str]) -> str:
    """What a value is, in words."""
    for alias, words in WORDS:
        if annotation == alias:
            return words
    if annotation in titles:
        return f"[{_short(titles[annotation])}](#{_anchor(titles[annotation])})"
    if annotation in PLAIN:
        return PLAIN[annotation]
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inside[0], titles)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in inside)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(one, titles) for one in inside if one is not type(None))
    if origin in (list, tuple):
        return f"list of {_kind(inside[0], titles)}"
    if origin is dict:
        return f"mapping of {_kind(inside[0], titles)} to {_kind(inside[1], titles)}"
    raise ValueError(f"no words for {annotation}")


def _short(title: str) -> str:
    return title.removeprefix("A ").removeprefix("An ").split(".")[-1].removesuffix("[]")


def _default(field: Any) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or value in ("", [], {}):
        return "none"
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        value = ", ".join(value)
    return f"`{value}`"


def _in_docstring(model: type[BaseModel]) -> dict[str, tuple[str, str]]:
    for section in Docstring(model.__doc__ or "").parse("google", warnings=False):
        if section.kind is DocstringSectionKind.attributes:
            return {
                entry.name: (" ".join(entry.description.split()).removesuffix("."), "")
                for entry in section.value
            }
    return {}


def _in_table(model: type[BaseModel]) -> dict[str, tuple[str, str]]:
    """The rows of the page's table; a row may be on several keys."""
    page, start = TABLES[model]
    lines = iter((DOCS / page).read_text(encoding="utf-8").splitlines())
    if not any(line.startswith(start) for line in lines):
        raise ValueError(f"{page}: no line starts with {start}")
    found: dict[str, tuple[str, str]] = {}
    for line in lines:
        if not line.startswith("|"):
            if found:
                break
            continue
        cells = [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for name in re.findall(r"`([\w.]+)`", cells[0]):
            prefix, _, key = name.rpartition(".")
            if prefix in ("", "technology") and (prefix != "") == (model is spec.TechnologyModel):
                told = cells[2] if len(cells) > 2 else ""
                found[key] = (cells[1], told if _words(told) else "")
    if model is spec.SpecModel:
        found["technology"] = ("the node, and where energies and areas come from", "")
    return found | ARCHITECTURE if model is spec.TemplateModel else found


def _words(default: str) -> bool:
    """Whether a default is explained in words, which the schema cannot tell."""
    return " " in default and not default.startswith("required unless")


#: Of a template, keys of an architecture.
ARCHITECTURE = _in_docstring(spec.Architecture)
