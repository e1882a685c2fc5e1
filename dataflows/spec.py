"""Specs: a YAML file -> an `Accelerator`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .accelerator import Accelerator, SubAccelerator
from .checks import check, check_dram
from .device import with_board
from .document import Document, Where, read_document
from .dram_shares import check_shares, with_shares
from .errors import DerivationError, SpecError, suggest
from .parameters import resolve
from .resolve import Chip, build, dram_energy
from .resources import Device
from .schema import OVERRIDABLE, Architecture, SpecModel, SubModel, TechnologyModel
from .technology import Unavailable, find_package
from .template import Template, find_file, instantiate, load_template, shipped
from .validation import validate, wrong_places
from .versions import SPEC, of_schema

#: The `template` of a sub-accelerator whose architecture the spec writes in full.
INLINE = "inline"


def spec_names() -> tuple[str, ...]:
    """The shipped specs."""
    return tuple(shipped("specs"))


def load_spec(spec: str | Path) -> Accelerator:
    """The accelerator of a shipped spec (by name) or of a YAML file (by path).

    Raises:
        SpecError: there is no such spec, or it cannot be used; the message holds every error, one
            a line: file, line, path, what was expected, what was found, what to do.
    """
    path = spec if isinstance(spec, Path) else find_file("specs", spec)
    return parse_spec(read_document(path), path.stem, path.parent)


def parse_spec(document: Document, name: str, base: Path | None = None) -> Accelerator:
    """The accelerator in a document.

    Args:
        name: of the accelerator.
        base: the folder that relative paths of templates start from.

    Raises:
        SpecError: as of `load_spec`.
    """
    problems: list[str] = []
    document = of_schema(document, SPEC)
    device, data = _with_device(document, base, problems)
    model = validate(SpecModel, data, document.problem, problems)
    if model is None:
        _check_the_rest(document, data, device, base, problems)
        raise SpecError(problems)
    for where, message in check_dram(model.dram):
        problems.append(document.problem(("dram", *where), message))
    technology = _available(_technology(model, device), document, problems)
    try:
        energy = dram_energy(model.dram, technology)
    except DerivationError as error:
        problems.append(document.problem(error.where, str(error)))
        energy = (0.0, 0.0, "")
    chip = Chip(model.clock, technology, model.dram, energy, device)
    reader = _Reader(document, chip, base, problems)
    subs = [reader.read(stated, number) for number, stated in enumerate(model.sub_accelerators)]
    parts = [stated.dram_bandwidth for stated in model.sub_accelerators]
    for where, message in check_shares(parts, model.dram.bandwidth, model.clock):
        problems.append(document.problem(where, message))
    if problems:
        raise SpecError(problems)
    built = tuple(sub for sub in subs if sub is not None)
    return Accelerator(
        name=name,
        clock_hz=model.clock,
        sub_accelerators=with_shares(built, parts, model.clock),
        node_nm=technology.node if technology else None,
        description=model.description.strip(),
        source=model.source.strip(),
        device=device,
    )


def _with_device(
    document: Document, base: Path | None, problems: list[str]
) -> tuple[Device | None, dict[str, Any]]:
    """The device that a spec names, and the spec with what that gives of clock and DRAM."""
    data = document.data
    name = data.get("device")
    if not isinstance(name, str):  # none, or the schema's to refuse
        return None, data
    if "technology" in data:
        problems.append(
            document.problem(("technology",), "the device gives the technology; remove one of them")
        )
    try:
        return with_board(data, base)
    except SpecError as error:
        problems.append(document.problem(("device",), str(error)))
        return None, {**_STAND_INS, **data}


def _technology(model: SpecModel, device: Device | None) -> TechnologyModel | None:
    return model.technology if device is None else TechnologyModel(node=f"{device.node_nm} nm")


def _available(
    technology: TechnologyModel | None, document: Document, problems: list[str]
) -> TechnologyModel | None:
    """The technology; without a package that it names, an error and the tables to go on with."""
    if technology is None or "hwcomponents" not in (technology.source, technology.mac_source):
        return technology
    try:
        find_package()
    except Unavailable as error:
        key = "source" if technology.source == "hwcomponents" else "mac_source"
        problems.append(document.problem(("technology", key), str(error)))
        return technology.model_copy(update={"source": "tables", "mac_source": None})
    return technology


#: What takes the place of a wrong part of a spec while the others are checked. The clock is so
#: slow that no bandwidth in GB/s is too little per cycle.
_STAND_INS: Final[dict[str, Any]] = {
    "clock": "1 kHz",
    "technology": {"node": "28 nm"},
    "dram": {"type": "LPDDR4", "bandwidth": "unlimited"},
}


def _check_the_rest(
    document: Document,
    stated: Mapping[str, Any],
    device: Device | None,
    base: Path | None,
    problems: list[str],
) -> None:
    """Add the problems of sub-accelerators that are well-formed in a spec that is not."""
    wrong = wrong_places(SpecModel, stated)
    keys = {place[0] for place in wrong}
    if keys - set(SpecModel.model_fields) and not {"technology", "device"} & set(stated):
        keys.add("technology")  # it may be the one that is misspelt
    data = {key: value for key, value in stated.items() if key not in keys}
    data |= {key: value for key, value in _STAND_INS.items() if key in keys}
    listed = stated.get("sub_accelerators")
    subs = dict(enumerate(listed)) if isinstance(listed, list) else {}
    for place in wrong:
        if place[0] == "sub_accelerators" and len(place) > 1 and isinstance(place[1], int):
            subs.pop(place[1], None)
    data["sub_accelerators"] = list(subs.values())
    model = validate(SpecModel, data, document.problem, [])
    if model is None:
        return
    chip = Chip(model.clock, _technology(model, device), model.dram, (0.0, 0.0, ""), device)
    reader = _Reader(document, chip, base, problems)
    for number, sub in zip(subs, model.sub_accelerators, strict=True):
        reader.draft(sub, number)


@dataclass(slots=True)
class _Draft:
    """An architecture's plain data, and which file and place each part of it came from.

    Attributes:
        document, prefix: where it came from as a whole.
        elsewhere: parts that came from other places.
        parameters: of the template, as text.
    """

    template: str
    data: dict[str, Any]
    document: Document
    prefix: Where = ()
    elsewhere: dict[Where, tuple[Document, Where]] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    def problem(self, where: Where, message: str) -> str:
        for cut in range(len(where), 0, -1):
            if where[:cut] in self.elsewhere:
                document, place = self.elsewhere[where[:cut]]
                return document.problem((*place, *where[cut:]), message)
        return self.document.problem((*self.prefix, *where), message)


@dataclass(slots=True)
class _Reader:
    """Reads the sub-accelerators of one spec; errors gather in `problems`."""

    document: Document
    chip: Chip
    base: Path | None
    problems: list[str]
    names: set[str] = field(default_factory=set)

    def note(self, where: Where, message: str) -> None:
        self.problems.append(self.document.problem(where, message))

    def read(self, stated: SubModel, number: int) -> SubAccelerator | None:
        """The sub-accelerator, or None and its errors."""
        drafted = self.draft(stated, number)
        if drafted is None:
            return None
        draft, architecture = drafted
        try:
            return build(stated.name, draft.template, architecture, self.chip, draft.parameters)
        except DerivationError as error:
            self.problems.append(draft.problem(error.where, str(error)))
            return None

    def draft(self, stated: SubModel, number: int) -> tuple[_Draft, Architecture] | None:
        """The architecture, checked, and where it came from; or None and its errors."""
        place: Where = ("sub_accelerators", number)
        before = len(self.problems)
        if stated.name in self.names:
            self.note(
                (*place, "name"),
                f"expected every name once, found {stated.name!r} again; rename it",
            )
        self.names.add(stated.name)
        if stated.template is None:
            draft = self.inline(stated, place)
        else:
            draft = self.from_template(stated.template, stated, place)
        if draft is None:
            return None
        architecture = validate(Architecture, draft.data, draft.problem, self.problems)
        if architecture is None:
            return None
        self.problems.extend(draft.problem(*found) for found in check(architecture, self.chip))
        return None if len(self.problems) > before else (draft, architecture)

    def inline(self, stated: SubModel, place: Where) -> _Draft | None:
        """The architecture that a spec writes in full."""
        if isinstance(stated.memories, dict):
            self.note(
                (*place, "memories"),
                "expected a list of memories, innermost first, found a mapping (which overrides "
                "those of a `template`); add `template` or write a list",
            )
            return None
        if stated.parameters:
            self.note(
                (*place, "parameters"),
                "only a `template` has parameters; add `template` or remove them",
            )
        if stated.axes is None and stated.memories is None:
            self.note(
                place,
                "expected the key `template`, or an architecture in full (`axes`, `memories`, "
                "`precision`, `vector`); add one",
            )
            return None
        raw = stated.model_dump(
            exclude_unset=True, exclude={"name", "template", "parameters", "dram_bandwidth"}
        )
        return _Draft(INLINE, raw, self.document, place)

    def from_template(self, name: str, stated: SubModel, place: Where) -> _Draft | None:
        """A template's architecture with the spec's parameters and overrides."""
        try:
            find_file("templates", name, self.base)
        except SpecError as error:
            self.note((*place, "template"), str(error))
            return None
        try:
            template = load_template(name, self.base)
        except SpecError as error:
            self.problems.extend(error.problems)
            return None
        before = len(self.problems)
        draft = self.instantiate(template, stated, place)
        if draft is None:
            return None
        for key in OVERRIDABLE:
            _override(draft, (key,), getattr(stated, key), self.document, (*place, key))
        self.override_memories(draft, stated, place)
        return draft if len(self.problems) == before else None

    def instantiate(self, template: Template, stated: SubModel, place: Where) -> _Draft | None:
        """The template's architecture with the spec's parameters."""
        before = len(self.problems)
        known = {parameter.name: parameter for parameter in template.parameters}
        for name in stated.parameters:
            if name not in known:
                self.note(
                    (*place, "parameters", name),
                    f"template {template.name!r} has no parameter `{name}`; {suggest(name, known)}",
                )
        values, illegal = resolve(template.parameters, stated.parameters, self.chip.clock_hz)
        for name, message in illegal.items():
            if name in stated.parameters:
                self.note((*place, "parameters", name), message)
            elif len(self.problems) == before:  # else it follows from what is reported already
                where: Where = ("parameters", name, "default")
                self.problems.append(template.document.problem(where, message))
        if stated.axes is not None:
            self.note(
                (*place, "axes"),
                "the template gives the axes; remove them, or remove `template`",
            )
        if stated.modes is not None:
            self.note(
                (*place, "modes"),
                "the template gives the modes; remove them, or remove `template`",
            )
        if len(self.problems) > before:
            return None
        data, positions = instantiate(template, values, self.problems)
        draft = _Draft(template.name, data, template.document)
        draft.parameters = {name: known[name].show(value) for name, value in values.items()}
        for number, position in enumerate(positions):
            draft.elsewhere["memories", number] = (template.document, ("memories", position))
        return draft

    def override_memories(self, draft: _Draft, stated: SubModel, place: Where) -> None:
        """Replace keys of the template's memories, which `stated` calls by name."""
        if isinstance(stated.memories, list):
            self.note(
                (*place, "memories"),
                "expected a mapping from a memory's name to the keys to override, found a list; "
                "write `name: {key: value}`, or remove `template`",
            )
            return
        memories = draft.data["memories"]
        names: list[str] = [
            one["name"]
            for one in memories
            if isinstance(one, dict) and isinstance(one.get("name"), str)
        ]
        if len(names) < len(memories):
            return  # the template's own errors are reported
        for name, changes in (stated.memories or {}).items():
            where: Where = (*place, "memories", name)
            if name not in names:
                self.note(where, f"the template has no memory {name!r}; {suggest(name, names)}")
                continue
            _override(draft, ("memories", names.index(name)), changes, self.document, where)


def _override(
    draft: _Draft, where: Where, changes: Mapping[str, Any] | None, document: Document, place: Where
) -> None:
    """Replace keys of the mapping at `where` of the draft."""
    if not changes:
        return
    target: Any = draft.data
    for part in where:
        target = target.setdefault(part, {}) if isinstance(target, dict) else target[part]
    for key, value in changes.items():
        # `energy` stands for reads and writes: it replaces what the template says of either.
        for direction in (f"read_{key}", f"write_{key}"):
            target.pop(direction, None)
        target[key] = value
        draft.elsewhere[(*where, key)] = (document, (*place, key))
