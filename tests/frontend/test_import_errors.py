"""Every bad input gives one message that says where, what and what to do, and gives it fast."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from chiploom.frontend import InputError, load_onnx
from chiploom.frontend.onnx_import import import_model

sys.path.insert(0, str(Path(__file__).parent))
from onnx_models import FLOAT, constant, graph, load, model, node, value, weight


def message(path: Path | str, **options: Any) -> str:
    start = time.process_time()
    with pytest.raises(InputError) as caught:
        load_onnx(path, **options)
    assert time.process_time() - start < 2
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


def refused(made: onnx.ModelProto, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        import_model(made, **options)
    return str(caught.value)


def small() -> onnx.ModelProto:
    nodes = [node("Conv", ["x", "w"], ["c"]), node("Relu", ["c"], ["y"])]
    return model(nodes, {"x": (1, 3, 8, 8)}, ["y"], [weight("w", (4, 3, 3, 3))])


def test_no_such_file(tmp_path: Path) -> None:
    assert "no such file" in message(tmp_path / "missing.onnx")


def test_a_name_close_to_one_of_the_zoo() -> None:
    assert "did you mean resnet50" in message("resnet-50")


def test_a_directory(tmp_path: Path) -> None:
    assert "found a directory" in message(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "empty.onnx"
    file.touch()
    assert "0 bytes" in message(file)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"not a model at all, just words", "do not read as one"),
        (b"PK\x03\x04" + bytes(100), "zip archive"),
        (b'{"nodes": []}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        (bytes(range(256)) * 50, "expected an ONNX model"),
        (b"\x08\x0a", "no graph"),
    ],
)
def test_a_file_that_is_not_onnx(tmp_path: Path, data: bytes, expected: str) -> None:
    file = tmp_path / "other.onnx"
    file.write_bytes(data)
    assert expected in message(file)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_file(tmp_path: Path, share: float) -> None:
    data = Path(onnx.__file__).parent.joinpath(
        "backend/test/data/light/light_resnet50.onnx"
    ).read_bytes()  # fmt: skip
    file = tmp_path / "cut.onnx"
    file.write_bytes(data[: int(len(data) * share)])
    assert "truncated" in message(file)


def test_no_truncation_imports_as_something_else() -> None:
    """Cut where the whole graph is there, it is the same network; else it is refused."""
    from chiploom.frontend.passes.read import parse_model

    data = small().SerializeToString()
    outcomes = []
    for length in range(len(data)):
        try:
            outcomes.append(import_model(parse_model(data[:length])).macs)
        except InputError:
            outcomes.append(None)
    assert set(outcomes[:-40]) == {None}  # behind it, operator sets only
    assert set(outcomes) <= {None, 4 * 36 * 27}


def test_an_empty_graph() -> None:
    from chiploom.frontend.passes.read import parse_model

    made = model([], {"x": (1,)}, ["x"])
    with pytest.raises(InputError, match="no nodes"):
        parse_model(made.SerializeToString())


def test_a_cycle_is_shown() -> None:
    nodes = [
        node("Add", ["x", "c"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("Relu", ["b"], ["c"]),
        node("Relu", ["c"], ["y"]),
    ]
    text = refused(model(nodes, {"x": (4,)}))
    assert "cycle" in text
    assert "'a' (Add) -> node 'b' (Relu) -> node 'c' (Relu) -> back" in text


def test_a_node_that_reads_itself() -> None:
    assert "cycle" in refused(model([node("Add", ["x", "y"], ["y"])], {"x": (4,)}))


def test_a_tensor_written_twice() -> None:
    nodes = [node("Relu", ["x"], ["y"]), node("Abs", ["x"], ["y"], name="again")]
    text = refused(model(nodes, {"x": (4,)}))
    assert "'y' is used twice" in text
    assert "'again' (Abs)" in text


def test_a_tensor_that_is_an_input_already() -> None:
    text = refused(model([node("Relu", ["x"], ["x"])], {"x": (4,)}, ["x"]))
    assert "used twice" in text


def test_two_inputs_of_one_name() -> None:
    inputs = [value("x", (4,)), value("x", (5,))]
    assert "two inputs" in refused(model([node("Relu", ["x"], ["y"])], inputs))


def test_two_initializers_of_one_name() -> None:
    made = model([node("Add", ["x", "w"], ["y"])], {"x": (4,)}, ["y"],
                 [weight("w", (4,)), weight("w", (1,))])  # fmt: skip
    assert "two initializers" in refused(made)


def test_an_unknown_tensor() -> None:
    text = refused(model([node("Add", ["x", "ghost"], ["y"])], {"x": (4,)}))
    assert "'y' (Add) reads tensor 'ghost'" in text


def test_an_unknown_output() -> None:
    assert "'ghost'" in refused(model([node("Relu", ["x"], ["y"])], {"x": (4,)}, ["ghost"]))


def test_no_outputs() -> None:
    assert "no outputs" in refused(model([node("Relu", ["x"], ["y"])], {"x": (4,)}, []))


@pytest.mark.parametrize("size", [0, -1])
def test_sizes_below_one(size: int) -> None:
    text = refused(model([node("Relu", ["x"], ["y"])], {"x": (2, size, "n")}))
    assert f"input 'x': expected sizes of at least 1, found {size} at axis 1" in text
    assert f"[2, {size}, n]" in text
    assert "export" in text


def test_a_weight_with_a_negative_size() -> None:
    made = model([node("Add", ["x", "w"], ["y"])], {"x": (4,)}, ["y"], [weight("w", (-4,))])
    assert "tensor 'w'" in refused(made)


def test_an_input_without_shape() -> None:
    text = refused(model([node("Relu", ["x"], ["y"])], {"x": None}))
    assert "input 'x' has no shape" in text


def test_shapes_that_do_not_fit() -> None:
    nodes = [node("MatMul", ["x", "w"], ["y"], name="fc")]
    text = refused(model(nodes, {"x": (2, 3)}, ["y"], [weight("w", (4, 5))]))
    assert "'fc' (MatMul)" in text
    assert "x [2, 3], w [4, 5]" in text


def test_no_shape_can_be_inferred() -> None:
    text = refused(model([node("Mystery", ["x"], ["y"], domain="custom")], {"x": (4,)}))
    assert "nothing in the network can be costed" in text
    assert "custom::Mystery" in text


def test_damaged_weights() -> None:
    bad = constant("w", np.zeros(4, np.float32))
    bad.raw_data = bad.raw_data[:-3]
    made = model([node("Add", ["x", "w"], ["y"])], {"x": (4,)}, ["y"], [bad])
    assert "'w': its data does not fill its shape [4]" in refused(made)


@pytest.mark.parametrize("size", [0, -3, True, 2.0])
def test_a_binding_below_one(size: Any) -> None:
    made = model([node("Relu", ["x"], ["y"])], {"x": ("n", 4)})
    assert "dimension 'n': expected a size of at least 1" in refused(made, dims={"n": size})


def test_a_binding_of_an_unknown_dimension() -> None:
    made = model([node("Relu", ["x"], ["y"])], {"x": ("n", None, 4)})
    assert "no symbolic dimension 'batch'; it has n, x.1" in refused(made, dims={"batch": 2})
    fixed = model([node("Relu", ["x"], ["y"])], {"x": (4,)})
    assert "all its dimensions are fixed" in refused(fixed, dims={"batch": 2})


@pytest.mark.parametrize("bits", [0, -8, 65, True])
def test_a_width_out_of_range(bits: int) -> None:
    assert "bits: expected a width from 1 to 64" in refused(small(), bits=bits)


def test_strict_names_what_is_not_modelled() -> None:
    nodes = [node("Relu", ["x"], ["a"]), node("Mystery", ["a"], ["y"], domain="custom")]
    made = model(nodes, {"x": (4,)})
    assert import_model(made).not_modelled[0].op == "custom::Mystery"
    text = refused(made, strict=True)
    assert "1 custom::Mystery (" in text


def test_a_recursive_function() -> None:
    body = [node("loop", ["a"], ["b"], domain="local")]
    function = helper.make_function(
        "local", "loop", ["a"], ["b"], body, [helper.make_opsetid("local", 1)]
    )
    made = model(
        [node("loop", ["x"], ["y"], domain="local")], {"x": (4,)}, ["y"], functions=[function]
    )
    assert "nested more than" in refused(made)


def test_functions_that_explode() -> None:
    functions = []
    for depth in range(20):
        callee = ("local", f"f{depth + 1}") if depth < 19 else ("", "Relu")
        body = [
            node(callee[1], ["a"], ["b"], domain=callee[0]),
            node(callee[1], ["b"], ["c"], domain=callee[0]),
        ]
        imports = [helper.make_opsetid("local", 1), helper.make_opsetid("", 21)]
        functions.append(helper.make_function("local", f"f{depth}", ["a"], ["c"], body, imports))
    made = model(
        [node("f0", ["x"], ["y"], domain="local")], {"x": (4,)}, ["y"], functions=functions
    )
    assert "expand to more than" in refused(made)


def test_a_body_that_does_not_define_its_output() -> None:
    branch = graph([node("Relu", ["x"], ["b"])], {}, ["ghost"])
    nodes = [node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)]
    made = model(nodes, {"x": (4,)}, ["y"], [constant("c", np.array(True))])
    assert "'ghost'" in refused(made)


def test_external_weights_are_never_opened(tmp_path: Path) -> None:
    made = small()
    tensor = made.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="not-there.bin")
    file = tmp_path / "net.onnx"
    file.write_bytes(made.SerializeToString())
    network = load_onnx(file)
    assert network.macs == 4 * 36 * 27
    assert network.name == "net"


def test_huge_weights_cost_nothing_to_import() -> None:
    start = time.perf_counter()
    network = load(
        [node("MatMul", ["x", "w"], ["y"])], {"x": (1, 2**20)}, ["y"],
        [weight("w", (2**20, 2**20), FLOAT)],
    )  # fmt: skip
    assert network.macs == 2**40
    assert time.perf_counter() - start < 1


def test_a_name_that_is_not_text() -> None:
    from chiploom.frontend.passes.read import parse_model

    data = small().SerializeToString()
    damaged = parse_model(data.replace(b"Relu", b"R\xfflu"))
    assert "not UTF-8" in refused(damaged)


def test_an_element_type_that_does_not_exist() -> None:
    made = model([node("Relu", ["x"], ["y"])], [value("x", (4,), 99)])
    assert "element type 99 is unknown" in refused(made)


def test_an_attribute_that_does_not_exist() -> None:
    made = model([node("Softmax", ["x"], ["y"], axes=1)], {"x": (4,)})
    text = refused(made)
    assert "'y' (Softmax) does not follow the operator's definition" in text
    assert "axes" in text


@pytest.mark.parametrize("damage", ["inputs", "outputs", "arguments"])
def test_a_malformed_loop(damage: str) -> None:
    body = graph(
        [node("Identity", ["go"], ["on"])],
        [value("i", (), 7), value("go", (), 9), value("h", (4,))],
        ["on", "h"],
    )
    arguments = ["n", "", "x"]
    if damage == "inputs":
        body.input.append(value("more", (4,)))
    elif damage == "outputs":
        del body.output[1:]
    else:
        arguments = ["n"]
    made = model([node("Loop", arguments, ["y"], body=body)], {"x": (4,)}, ["y"],
                 [constant("n", np.int64(3))])  # fmt: skip
    assert "'y' (Loop) is malformed: expected" in refused(made)


def test_random_damage_is_an_input_error_or_harmless() -> None:
    import random

    from chiploom.frontend.passes.read import parse_model

    random_ = random.Random(0)
    clean = small().SerializeToString()
    refusals = 0
    for _ in range(1500):
        data = bytearray(clean)
        for _ in range(random_.choice([1, 1, 2, 4])):
            data[random_.randrange(len(data))] = random_.randrange(256)
        try:
            import_model(parse_model(bytes(data)))
        except InputError:
            refusals += 1
    assert refusals > 500


@pytest.mark.parametrize(
    ("reader", "shape", "expected"),
    [
        (node("Conv", ["x", "w"], ["y"]), (1, 5, 8, 8), "for 4 channels, the input has 5"),
        (node("Conv", ["x", "w"], ["y"], group=2), (1, 4, 8, 8),
         "for 4 channels in each of 2 groups, the input has 4"),
        (node("Conv", ["x", "w"], ["y"], group=3), (1, 12, 8, 8), "divides the 8 filters, found 3"),
        (node("Conv", ["x", "w"], ["y"], group=0), (1, 4, 8, 8), "divides the 8 filters, found 0"),
        (node("Conv", ["x", "w"], ["y"]), (1, 4, 2, 8),
         "a window over 3 positions does not fit into 2 (axis 2)"),
        (node("Conv", ["x", "w"], ["y"], dilations=[1, 4]), (1, 4, 8, 8),
         "a window over 9 positions does not fit into 8 (axis 3)"),
        (node("Conv", ["x", "w"], ["y"], auto_pad="FULL"), (1, 4, 8, 8),
         "expected auto_pad to be one of NOTSET, VALID, SAME_UPPER, SAME_LOWER, found 'FULL'"),
        (node("Conv", ["x", "w"], ["y"]), (1, 4, 1, 1), "would have sizes [1, 8, -1, -1]"),
        (node("MaxPool", ["x"], ["y"], kernel_shape=[9, 9]), (1, 4, 8, 8),
         "a window over 9 positions does not fit into 8 (axis 2)"),
        (node("Reshape", ["x", "s"], ["y"]), (1, 4, 8, 8),
         "256 elements cannot be read as 49 (shape [7, 7])"),
        (node("Expand", ["x", "n"], ["y"]), (1, 4, 8, 8), "would have sizes [-5, 4, 8, 8]"),
    ],
)  # fmt: skip
def test_a_contradiction_is_an_error_even_where_the_rest_could_be_costed(
    reader: Any, shape: tuple[int, ...], expected: str
) -> None:
    nodes = [node("Relu", ["x"], ["z"]), reader]
    weights = [weight("w", (8, 4, 3, 3)), constant("s", np.array([7, 7]))]
    weights.append(constant("n", np.array([-5, 1, 1, 1])))
    text = refused(model(nodes, {"x": shape}, ["y", "z"], weights))
    assert f"node 'y' ({reader.op_type}): " in text
    assert expected in text


def test_an_operator_set_from_the_future_is_noted() -> None:
    network = load([node("Relu", ["x"], ["y"])], {"x": (4,)}, opset=999)
    assert network.notes[0].startswith("operator set 999 is read as ")


def test_sizes_beyond_all_counting_are_reported() -> None:
    nodes = [node("Relu", ["x"], ["z"]), node("Conv", ["x", "w"], ["y"])]
    made = model(nodes, {"x": (1, 4, 2**40, 2**40)}, ["y", "z"], [weight("w", (8, 4, 3, 3))])
    text = refused(made)
    assert "at most 2^53 multiply-accumulates" in text
    assert "at most 2^53 operations and bits" in text


@pytest.mark.parametrize("padding", ["SAME_UPPER", "SAME_LOWER"])
def test_automatic_padding_always_fits(padding: str) -> None:
    nodes = [node("Conv", ["x", "w"], ["y"], auto_pad=padding)]
    network = load(nodes, {"x": (1, 4, 1, 2)}, ["y"], [weight("w", (8, 4, 3, 3))])
    assert network.macs == 2 * 8 * 4 * 9
