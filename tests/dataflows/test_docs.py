"""docs/specs.md is the reference: it names every key, and its example loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from chiploom.dataflows import schema, spec_names
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec

from .contract import check_accelerator

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "specs.md").read_text(encoding="utf-8") + (DOCS / "fpga.md").read_text(
    encoding="utf-8"
)
MODELS = [
    model
    for model in vars(schema).values()
    if isinstance(model, type) and issubclass(model, schema.Strict) and model is not schema.Strict
]


def test_there_are_models() -> None:
    assert len(MODELS) >= 12


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_documented(model: type[BaseModel]) -> None:
    named = set(re.findall(r"[`.](\w+)`", TEXT))
    assert set(model.model_fields) <= named


def test_the_example_loads() -> None:
    example = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[0]
    accelerator = parse_spec(parse_document(example, "example.yaml"), "example")
    check_accelerator(accelerator)
    depthwise = accelerator.sub_accelerators[1]
    assert {m.name: m.size_bits for m in depthwise.memories}["sb"] == 32 * 8192


def test_every_shipped_spec_is_listed() -> None:
    assert all(f"`{name}`" in TEXT for name in spec_names())
