"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from chiploom import cli
from chiploom.frontend import lowering
from chiploom.frontend.operators import load_rules

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])


def test_every_operator_with_a_rule_is_listed() -> None:
    load_rules()
    prefix = {"": "", lowering.MICROSOFT: "ms."}
    known = {prefix[domain] + operator for domain, operator in lowering._RULES}
    text = (REPOSITORY / "docs" / "onnx.md").read_text()
    tables = text[: text.index("## What costs nothing")]
    listed = set(re.findall(r"`((?:ms\.)?[A-Z]\w+)`", tables)) - {"NAME", "Concat"}
    assert known - listed == set()
    assert {name for name in listed if len(name) > 2} - known == set()


def test_every_option_is_explained() -> None:
    text = (REPOSITORY / "docs" / "cli.md").read_text()
    group = get_command(cli.app)
    for command in group.commands.values():  # type: ignore[attr-defined]
        assert f"chiploom {command.name}" in text
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                assert f"`{parameter.opts[0]}" in text or parameter.name == "on"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readme_is_what_ci_runs() -> None:
    readme = (REPOSITORY / "README.md").read_text().splitlines()
    script = (REPOSITORY / ".ci" / "run").read_text()
    commands = re.findall(r'^(?:TEST|MAIN)="(.+)"$', script, flags=re.M)
    assert len(commands) == 2
    for command in commands:
        assert command in readme
