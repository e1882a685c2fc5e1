"""Files that are no usable network: one message, exit code 2, in little time."""

from __future__ import annotations

import time
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from chiploom import cli
from chiploom.frontend import zoo


def network(
    nodes: list[onnx.NodeProto], shape: list[int | str] | None, opset: int = 17
) -> onnx.ModelProto:
    """A model of one input `x`, one weight `w` (8x4x3x3) and one output `y`."""
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [helper.make_tensor("w", TensorProto.FLOAT, [8, 4, 3, 3], [0.0] * 288)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def conv(source: str = "x", target: str = "y") -> onnx.NodeProto:
    return helper.make_node("Conv", [source, "w"], [target], name=f"conv_{target}")


CYCLE = [
    helper.make_node("Add", ["x", "b"], ["a"], name="first"),
    helper.make_node("Relu", ["a"], ["b"], name="second"),
    conv("b"),
]


CUTS = [number / 20 for number in range(1, 20)]


def broken() -> dict[str, bytes]:
    """Content of each bad file, by what is wrong with it."""
    good = zoo.path("resnet18").read_bytes()
    return {
        "empty": b"",
        "text": b"This is not a network.\n" * 40,
        "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94.",
        "truncated": good[: len(good) // 2],
        "zeros": bytes(4096),
        "no nodes": network([], [1, 4, 8, 8]).SerializeToString(),
        "cycle": network(CYCLE, [1, 4, 8, 8]).SerializeToString(),
        "no shape": network([conv()], None).SerializeToString(),
        "zero dim": network([conv()], [1, 4, 0, 8]).SerializeToString(),
        "negative dim": network([conv()], [1, 4, -3, 8]).SerializeToString(),
        "wrong channels": network([conv()], [1, 5, 8, 8]).SerializeToString(),
        "unknown tensor": network([conv("nowhere")], [1, 4, 8, 8]).SerializeToString(),
        "window too large": network([conv()], [1, 4, 2, 2]).SerializeToString(),
        "beyond counting": network([conv()], [1, 4, 2**40, 2**40]).SerializeToString(),
        **{f"cut at {share:.2f}": good[: int(len(good) * share)] for share in CUTS},
    }


@pytest.mark.parametrize("kind", list(broken()))
@pytest.mark.parametrize("command", ["inspect", "simulate"])
def test_one_message(
    kind: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(broken()[kind])
    arguments = [command, str(path), *(["--on", "eyeriss"] if command == "simulate" else [])]
    start = time.perf_counter()
    code = cli.main(arguments)
    seconds = time.perf_counter() - start
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert err.startswith("chiploom: ")
    assert err.count("chiploom: ") == 1
    assert "bad.onnx" in err
    assert "Traceback" not in err
    assert len(err) < 2000
    assert seconds < 10  # two seconds is the aim; a shared machine may be slower


def test_a_symbolic_dim_is_bound_with_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(network([conv()], ["n", 4, 8, 8]).SerializeToString())
    assert cli.main(["inspect", str(path)]) == 0
    one = capsys.readouterr().out
    assert "Notes" in one
    assert "10.4 k MACs" in one  # 8 x 4 x 6 x 6 x 3 x 3
    assert cli.main(["inspect", str(path), "--dim", "n=10"]) == 0
    assert "104 k MACs" in capsys.readouterr().out


def test_strict_refuses_what_is_not_modelled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.onnx"
    mystery = helper.make_node("Mystery", ["c"], ["y"], name="m", domain="com.example")
    model = network([conv(target="c"), mystery], [1, 4, 8, 8])
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    path.write_bytes(model.SerializeToString())
    assert cli.main(["inspect", str(path)]) == 0
    assert "com.example" in (out := capsys.readouterr().out)
    assert "Mystery" in out
    assert cli.main(["inspect", str(path), "--strict"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Mystery" in err
