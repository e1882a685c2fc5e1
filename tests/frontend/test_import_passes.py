"""What the passes make of a network: what is folded, absorbed, fused, viewed, copied."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chiploom.frontend import LayerGraph, load_onnx
from chiploom.frontend.onnx_import import import_model
from chiploom.frontend.passes.views import alias_views
from chiploom.frontend.program import Node, PassOrderError, Program, TensorType

sys.path.insert(0, str(Path(__file__).parent))
from node_views import vectors
from onnx_models import (
    INT64,
    constant,
    fused,
    kinds,
    load,
    model,
    moved_bits,
    node,
    only,
    value,
    weight,
)

X = {"x": (1, 4, 8, 8)}
CONV = node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1])
W = weight("w", (4, 4, 3, 3))
BITS = 4 * 8 * 8 * 32  # of x, and of every tensor of its shape


# --- constants folded into products ---------------------------------------------------------


def test_batch_normalisation_and_bias_fold_into_the_convolution() -> None:
    names = ["scale", "shift", "mean", "var"]
    nodes = [
        CONV,
        node("BatchNormalization", ["c", *names], ["n"]),
        node("Add", ["n", "bias"], ["b"]),
        node("Mul", ["factor", "b"], ["m"]),
        node("Relu", ["m"], ["y"]),
    ]
    weights = [W, *(weight(name, (4,)) for name in names)]
    weights += [weight("bias", (4, 1, 1)), weight("factor", (1, 4, 1, 1))]
    network = load(nodes, X, ["y"], weights)
    layer = only(network.layers)
    assert fused(layer) == ["Relu"]
    assert layer.nodes == ("c", "n", "b", "m", "y")
    assert layer.output == "y"


@pytest.mark.parametrize(
    ("op", "constant_shape", "folds"),
    [
        ("Add", (4, 1, 1), True),
        ("Add", (8,), False),  # along the columns
        ("Add", (1,), True),
        ("Sub", (4, 1, 1), True),
        ("Div", (4, 1, 1), True),
        ("Mul", (4, 8, 8), False),  # one for every position
    ],
)
def test_only_constants_per_channel_fold(
    op: str, constant_shape: tuple[int, ...], folds: bool
) -> None:
    network = load([CONV, node(op, ["c", "k"], ["y"])], X, ["y"], [W, weight("k", constant_shape)])
    assert fused(only(network.layers)) == ([] if folds else [op])


def test_a_factor_does_not_fold_into_weights_that_are_activations() -> None:
    nodes = [node("MatMul", ["q", "k"], ["s"]), node("Div", ["s", "root"], ["y"])]
    network = load(
        nodes, {"q": (2, 4, 8), "k": (2, 8, 4)}, ["y"], [constant("root", np.float32(8))]
    )
    assert fused(only(network.layers)) == ["Div"]


def test_a_bias_adds_nothing_to_a_product_of_activations() -> None:
    nodes = [node("MatMul", ["q", "k"], ["s"]), node("Add", ["s", "b"], ["y"])]
    network = load(nodes, {"q": (2, 4, 8), "k": (2, 8, 4)}, ["y"], [weight("b", (4,))])
    assert fused(only(network.layers)) == []


def test_the_reciprocal_of_a_product_does_not_fold() -> None:
    network = load([CONV, node("Div", ["k", "c"], ["y"])], X, ["y"], [W, weight("k", (1,))])
    assert fused(only(network.layers)) == ["Div"]


def test_what_leaves_the_network_in_between_stays() -> None:
    nodes = [CONV, node("Add", ["c", "bias"], ["y"])]
    network = load(nodes, X, ["y", "c"], [W, weight("bias", (4, 1, 1))])
    assert kinds(network) == ["Conv", "Add"]


def test_batch_normalisation_alone_is_vector_work() -> None:
    names = ["scale", "shift", "mean", "var"]
    nodes = [node("BatchNormalization", ["x", *names], ["y"])]
    (layer,) = vectors(load(nodes, X, ["y"], [weight(name, (4,)) for name in names]))
    assert layer.work.simple_ops == 2 * 256


# --- compile time, dead nodes, identities ---------------------------------------------------


def test_weights_computed_from_constants_cost_nothing_and_are_noted() -> None:
    nodes = [
        node("Transpose", ["v"], ["t"], perm=[1, 0]),
        node("Mul", ["t", "t"], ["k"]),
        node("MatMul", ["x", "k"], ["y"]),
    ]
    network = load(nodes, {"x": (2, 100)}, ["y"], [weight("v", (90, 100))])
    layer = only(network.layers)
    assert not layer.dynamic_weights
    assert "2 nodes compute from weights alone" in network.notes[0]
    assert network.tensors["k"].shape == (100, 90)


def test_dead_nodes_are_left_out_with_a_note() -> None:
    network = load([CONV, node("Relu", ["x"], ["y"])], X, ["y"], [W])
    assert kinds(network) == ["Relu"]
    assert "1 node reaches no output" in network.notes[0]


def test_nodes_that_change_nothing_vanish() -> None:
    nodes = [
        node("Identity", ["x"], ["a"]),
        node("Dropout", ["a"], ["b", "mask"]),
        node("Cast", ["b"], ["c"], to=6),  # float32 to int32: one width
        node("Relu", ["c"], ["y"]),
    ]
    network = load(nodes, X, ["y"])
    assert kinds(network) == ["Relu"]
    assert network.layers[0].inputs == ("x",)


def test_a_change_of_width_is_work() -> None:
    (layer,) = vectors(load([node("Cast", ["x"], ["y"], to=10)], X))
    assert (layer.read_bits, layer.write_bits) == (BITS, BITS // 2)


def test_dropout_whose_mask_is_read_is_not_dropped() -> None:
    nodes = [
        node("Dropout", ["x", "ratio", "train"], ["d", "mask"]),
        node("Cast", ["mask"], ["m"], to=1),
        node("Add", ["d", "m"], ["y"]),
    ]
    weights = [constant("ratio", np.float32(0.5)), constant("train", np.array(True))]
    network = load(nodes, X, ["y"], weights)
    assert "Dropout" in {*kinds(network), *(entry.op for entry in network.not_modelled)}


# --- views, transposes, concatenations -------------------------------------------------------


def test_views_are_free_and_their_readers_read_what_is_there() -> None:
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("Reshape", ["r", "shape"], ["a"]),
        node("Transpose", ["a"], ["b"], perm=[1, 0, 2]),
        node("Squeeze", ["b", "one"], ["d"]),
        node("Split", ["d"], ["e", "f"], axis=1, num_outputs=2),
        node("Slice", ["e", "zero", "two", "one"], ["g"]),
        node("Softmax", ["g"], ["y"]),
    ]
    network = load(
        nodes,
        X,
        ["y"],
        [
            constant("shape", np.array([4, 1, 64])),
            constant("zero", np.array([0])),
            constant("one", np.array([0])),
            constant("two", np.array([2])),
        ],
    )
    assert kinds(network) == ["Relu", "Softmax"]
    assert network.layers[1].inputs == ("r",)
    assert network.tensors["y"].elements == 2 * 32


def test_a_transpose_that_moves_is_a_move() -> None:
    network = load([node("Transpose", ["x"], ["y"], perm=[0, 2, 3, 1])], X)
    assert moved_bits(network) == BITS


def test_one_position_is_a_view_and_a_lookup_is_not() -> None:
    nodes = [node("Gather", ["x", "i"], ["g"], axis=1), node("Relu", ["g"], ["y"])]
    assert kinds(load(nodes, X, ["y"], [constant("i", np.int64(0))])) == ["Relu"]
    inputs = [value("x", (1, 4, 8, 8)), value("i", (3,), INT64)]
    assert kinds(load(nodes, inputs)) == ["Gather", "Relu"]


def concat(parts: list[str], producers: list[Any], **more: Any) -> LayerGraph:
    nodes = [*producers, node("Concat", parts, ["k"], axis=1), node("Softmax", ["k"], ["y"])]
    inputs = {"x": (1, 4, 8, 8), "z": (1, 2, 8, 8)}
    return load(nodes, inputs, ["y", *more.get("outputs", [])], more.get("weights", []))


def test_producers_write_their_parts_in_place() -> None:
    network = concat(["a", "b"], [node("Relu", ["x"], ["a"]), node("Abs", ["x"], ["b"])])
    assert kinds(network) == ["Relu", "Abs", "Softmax"]
    assert network.layers[-1].inputs == ("a", "b")


def test_one_input_is_taken_over_where_it_lies() -> None:
    """Appending to a key-value cache."""
    network = concat(["x", "b"], [node("Abs", ["x"], ["b"])])
    assert kinds(network) == ["Abs", "Softmax"]
    assert set(network.layers[-1].inputs) == {"x", "b"}


def test_the_smaller_of_two_inputs_is_copied() -> None:
    network = concat(["x", "z"], [])
    assert kinds(network) == ["Concat", "Softmax"]
    assert moved_bits(network) == BITS // 2
    assert network.layers[0].inputs == ("x", "z")


def test_a_tensor_that_occurs_twice_is_copied_once() -> None:
    network = concat(["a", "a"], [node("Relu", ["x"], ["a"])])
    assert moved_bits(network) == BITS


def test_a_piece_of_a_tensor_is_copied() -> None:
    producers = [
        node("Relu", ["x"], ["a"]),
        node("Split", ["a"], ["p", "q"], axis=1, num_outputs=2),
    ]
    network = concat(["q", "p"], producers)
    assert moved_bits(network) == BITS


def test_a_chain_of_concatenations_grows_in_place() -> None:
    """A dense block: every result is appended to all before it."""
    nodes = [node("Relu", ["x"], ["f0"])]
    last = "f0"
    for i in range(1, 5):
        nodes += [
            node("Softmax", [last], [f"f{i}"], axis=2),
            node("Concat", [last, f"f{i}"], [f"k{i}"], axis=1),
        ]
        last = f"k{i}"
    network = load(nodes, X, [last])
    assert moved_bits(network) == 0
    assert kinds(network) == ["Relu", *["Softmax"] * 4]
    assert network.outputs == ("f0", "f1", "f2", "f3", "f4")


def test_very_many_parts_are_joined_by_a_layer() -> None:
    nodes = [node("Relu", ["x"], [f"p{i}"]) for i in range(100)]
    nodes += [node("Concat", [f"p{i}" for i in range(100)], ["k"], axis=1),
              node("Softmax", ["k"], ["y"])]  # fmt: skip
    network = load(nodes, X)
    assert network.layers[-1].inputs == ("k",)
    assert network.layers[-2].op == "Concat"
    assert moved_bits(network) == 0


# --- padding ---------------------------------------------------------------------------------


def padded(op: str, before: str, fill: float = 0.0, mode: str = "constant") -> LayerGraph:
    nodes = [node(before, ["x"], ["a"]), node("Pad", ["a", "pads", "fill"], ["p"], mode=mode)]
    if op == "Conv":
        nodes.append(node("Conv", ["p", "w"], ["y"], pads=[0, 0, 1, 1]))
    else:
        nodes.append(node(op, ["p"], ["y"], kernel_shape=[3, 3]))
    pads = constant("pads", np.array([0, 0, 1, 2, 0, 0, 1, 0]))
    return load(nodes, X, ["y"], [W, pads, constant("fill", np.float32(fill))])


def test_zeros_fold_into_the_convolution() -> None:
    network = padded("Conv", "Abs")
    assert kinds(network) == ["Abs", "Conv"]
    (layer,) = network.compute_layers
    assert layer.nest.pad == (1, 2)
    assert layer.nest.input_size == (8, 8)
    assert (layer.nest["OY"], layer.nest["OX"]) == (9, 9)
    assert "p" in layer.nodes


@pytest.mark.parametrize(
    ("op", "before", "fill", "mode", "folds"),
    [
        ("Conv", "Abs", 1.0, "constant", False),
        ("Conv", "Abs", 0.0, "reflect", False),
        ("AveragePool", "Abs", 0.0, "constant", True),
        ("MaxPool", "Relu", 0.0, "constant", True),
        ("MaxPool", "Neg", 0.0, "constant", False),  # zeros could be the maximum
    ],
)
def test_what_else_folds(op: str, before: str, fill: float, mode: str, folds: bool) -> None:
    assert ("Pad" not in kinds(padded(op, before, fill, mode))) == folds


# --- the graph and the passes' contracts -----------------------------------------------------


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3-large", "bert-base", "unet"])
def test_layers_come_after_what_they_read(name: str) -> None:
    network = load_onnx(name)
    made = {layer.output for layer in network}
    seen: set[str] = set()
    for layer in network:
        assert all(tensor in seen for tensor in layer.inputs if tensor in made)
        assert layer.output in network.tensors
        assert all(tensor in network.tensors for tensor in layer.inputs)
        seen.add(layer.output)
    assert set(network.outputs) <= seen
    assert network.not_modelled == ()


def test_every_node_of_the_file_is_covered_once() -> None:
    network = load_onnx("resnet18")
    covered = [name for layer in network for name in layer.nodes]
    assert len(covered) == len(set(covered))


def test_equal_files_import_equally() -> None:
    assert load_onnx("mobilenetv2") == load_onnx("mobilenetv2")


def test_a_pass_refuses_to_run_before_what_it_requires() -> None:
    empty = Program("empty", (), {})
    with pytest.raises(PassOrderError, match="alias_views requires ordered, typed"):
        alias_views(empty)


def test_a_pass_that_breaks_the_order_is_caught() -> None:
    from dataclasses import replace

    from chiploom.frontend.program import program_pass

    def make(name: str, source: str, target: str) -> Node:
        return Node(name, "Relu", "", 21, (source,), (target,), {}, (name,))

    types = {name: TensorType.of((4,), 1) for name in "abc"}
    program = Program("chain", (make("1", "a", "b"), make("2", "b", "c")), types)

    @program_pass(ensures=("ordered",))
    def reverse(program: Program) -> Program:
        return replace(program, nodes=program.nodes[::-1])

    with pytest.raises(PassOrderError, match="2 reads b before it is written"):
        reverse(program)


def test_a_long_chain_is_no_more_work_per_node() -> None:
    """Work is counted in calls, of Python and of C: as a time it would be the machine's too."""

    def calls(length: int) -> int:
        nodes = [node("Softmax", [f"t{i}"], [f"t{i + 1}"]) for i in range(length)]
        made = model(nodes, {"t0": (1, 4)}, [f"t{length}"])
        count = 0

        def seen(*_: object) -> None:
            nonlocal count
            count += 1

        before = sys.getprofile()
        sys.setprofile(seen)
        try:
            network = import_model(made)
        finally:
            sys.setprofile(before)
        assert len(network) == length
        return count

    calls(50)  # fills what is kept from one import to the next
    assert calls(4000) < 4.5 * calls(1000)  # 4 times the nodes; 16 times if quadratic


def test_parts_of_a_node_do_not_take_the_names_of_others() -> None:
    """A transposed convolution `up` has a layer `up/phase0`; so may the file have a node."""
    nodes = [
        node("ConvTranspose", ["x", "w"], ["c"], name="up", strides=[2, 2]),
        node("Softmax", ["c"], ["s"], name="up/phase0"),
        node("Einsum", ["s", "v", "u"], ["y"], name="e", equation="nchw,wk,kl->nchl"),
        node("Softmax", ["s"], ["e/product1"], name="other"),
        node("Softmax", ["e/product1"], ["z"]),
    ]
    weights = [weight("w", (4, 4, 3, 3)), weight("v", (17, 5)), weight("u", (5, 6))]
    network = load(nodes, X, ["y", "z"], weights)
    names = [layer.name for layer in network]
    assert len(set(names)) == len(names) == 9
    assert network.layers[-1].inputs == ("e/product1",)
    assert network.tensors["e/product1"].shape == (1, 4, 17, 17)
    assert not network.not_modelled
