"""Names from files on a terminal: nothing in them is obeyed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chiploom import cli

sys.path.insert(0, str(Path(__file__).parents[1] / "frontend"))
from onnx_models import model, node, weight

NAMES = ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "a\r\nchiploom: fake", "[bold red]b[/bold red]",
         "[link=file:///etc]x[/link]", "\u202egpj.exe", "\x9b2J", "b\x08\x08c"]  # fmt: skip


@pytest.fixture
def network(tmp_path: Path) -> Path:
    tensors = ["x", *NAMES]
    nodes = []
    for name, before in zip(NAMES, tensors, strict=False):
        nodes.append(node("Conv", [before, "w"], [name], name=name))
    made = model(nodes, {"x": (1, 4, 4, 4)}, [NAMES[-1]], [weight("w", (4, 4, 1, 1))])
    made.graph.node.add(op_type=NAMES[0], domain=NAMES[3], input=["x"], output=["odd"])
    made.graph.output.add(name="odd")
    path = tmp_path / "net.onnx"
    path.write_bytes(made.SerializeToString())
    return path


@pytest.mark.parametrize(
    "options",
    [
        ["inspect"],
        ["simulate", "--on", "eyeriss"],
        ["simulate", "--on", "eyeriss", "--dump", "graph"],
        ["simulate", "--on", "eyeriss", "--dump", "mapping"],
        ["simulate", "--on", "eyeriss", "--dump", "program"],
        ["inspect", "--strict"],
    ],
)
def test_nothing_is_obeyed(
    options: list[str], network: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", "250")
    command, *rest = options
    code = cli.main([command, str(network), *rest])
    shown = "".join(capsys.readouterr())
    assert code == (2 if "--strict" in options else 0), shown
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert "\nchiploom: fake" not in shown
    if "--strict" not in options:
        assert "[bold red]b[/bold red]" in shown  # as it is written, not as it would look
