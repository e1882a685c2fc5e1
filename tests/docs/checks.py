"""Blocks of YAML and JSON against the schemas."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

import jsonschema
from pydantic import BaseModel, TypeAdapter

from chiploom.dataflows import schema
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec
from chiploom.dataflows.template import parse_template
from chiploom.search.study_file import parse_study

#: What a block may be a part of.
PARTS: dict[str, type[BaseModel]] = {
    "spec": schema.SpecModel,
    "sub-accelerator": schema.SubModel,
    "architecture": schema.Architecture,
    "template": schema.TemplateModel,
}
REPOSITORY = Path(__file__).resolve().parents[2]


def check(language: str, text: str, part: str | None, folder: Path) -> None:
    """Read a block as what it is: a spec, a template, a study, a part of one, or a result.

    Args:
        part: what it is a part of; `, line by line` where every line stands for itself.
        folder: where relative paths start.

    Raises:
        SpecError, ValidationError: it is not.
    """
    if language == "json":
        check_json(json.loads(text))
    elif part is not None:
        name, _, way = part.partition(", ")
        lines = [line for line in text.splitlines() if line.strip() and line[0] != "#"]
        for piece in lines if way == "line by line" else [text]:
            check_part(PARTS[name], parse_document(piece, "block.yaml").data)
    else:
        document = parse_document(text, "block.yaml")
        if "networks" in document.data:
            parse_study(text, "block.yaml", folder)
        elif "parameters" in document.data:
            parse_template(document, "block")
        else:
            parse_spec(document, "block", folder)


def check_part(model: type[BaseModel], data: dict[str, Any]) -> None:
    """Every key of a part, alone."""
    hints = typing.get_type_hints(model, include_extras=True)
    for key, value in data.items():
        assert key in hints, f"{model.__name__} has no key {key}"
        TypeAdapter(hints[key]).validate_python(value)
        if model is schema.SubModel and key == "memories":
            for overrides in value.values():
                check_part(schema.MemoryModel, overrides)


def check_json(data: dict[str, Any]) -> None:
    """Against the schema that it names."""
    assert data.get("schema") == "chiploom.result/1", f"no schema for {data.get('schema')}"
    path = REPOSITORY / "simulator" / "result.schema.json"
    jsonschema.validate(data, json.loads(path.read_text(encoding="utf-8")))
