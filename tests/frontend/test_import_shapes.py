"""Shapes: symbolic sizes, shape computations, bodies of control flow, functions."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from chiploom.frontend.onnx_import import import_model
from chiploom.frontend.program import TensorType
from chiploom.frontend.shape_rules import ShapeView, shape_rule, shape_rule_for

sys.path.insert(0, str(Path(__file__).parent))
from onnx_models import BOOL, INT64, constant, graph, kinds, load, model, node, value, weight


def test_symbolic_dims_default_to_one_with_a_note() -> None:
    made = model(
        [node("MatMul", ["x", "w"], ["y"])], {"x": ("batch", None, 4)}, ["y"], [weight("w", (4, 5))]
    )
    network = import_model(made)
    assert network.macs == 20
    assert "batch = 1, x.1 = 1" in network.notes[0]
    bound = import_model(made, dims={"batch": 3, "x.1": 7})
    assert bound.macs == 3 * 7 * 20
    assert bound.notes == ()
    assert bound.tensors["x"].shape == (3, 7, 4)


def test_a_dimension_written_as_a_formula_follows_the_others() -> None:
    inputs = {"x": (1, "past", 4), "m": (1, "past + 2", 4)}
    made = model([node("Concat", ["x", "m"], ["y"], axis=1)], inputs)
    network = import_model(made, dims={"past": 5})
    assert network.tensors["m"].shape == (1, 7, 4)
    assert import_model(made).tensors["m"].shape == (1, 3, 4)


def test_shape_computations_are_folded() -> None:
    """The flattening that exporters write: Shape, Gather, Unsqueeze, Concat, Reshape."""
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"], axis=0),
        node("Unsqueeze", ["n", "axes"], ["n1"]),
        node("Mul", ["two", "two"], ["four"]),
        node("Div", ["four", "two"], ["half"]),
        node("Cast", ["half"], ["halff"], to=1),
        node("Ceil", ["halff"], ["halfc"]),
        node("Cast", ["halfc"], ["k"], to=INT64),
        node("Concat", ["n1", "k", "rest"], ["target"], axis=0),
        node("Reshape", ["x", "target"], ["r"]),
        node("MatMul", ["r", "w"], ["y"]),
    ]
    network = load(
        nodes,
        {"x": ("n", 6, 4)},
        ["y"],
        [
            constant("zero", np.int64(0)),
            constant("axes", np.array([0])),
            constant("two", np.array([2])),
            constant("rest", np.array([-1])),
            weight("w", (12, 5)),
        ],
        dims={"n": 3},
    )
    assert kinds(network) == ["MatMul"]
    assert network.tensors["y"].shape == (3, 2, 5)
    assert network.macs == 3 * 2 * 12 * 5


@pytest.mark.parametrize(
    ("op", "feeds", "attributes", "shape"),
    [
        ("Range", [np.int64(1), np.int64(13), np.int64(2)], {}, (6,)),
        ("Where", [np.array([True, False]), np.array([3, 3]), np.array([5, 2])], {}, (3, 2)),
        ("ReduceProd", [np.array([2, 3]), np.array([0])], {"keepdims": 1}, (6,)),
        ("Slice", [np.array([9, 2, 3, 9]), np.array([1]), np.array([3])], {}, (2, 3)),
        ("ConstantOfShape", [np.array([2])],
         {"value": onnx.numpy_helper.from_array(np.array([3]))}, (3, 3)),
        ("Expand", [np.array([4]), np.array([2])], {}, (4, 4)),
        ("Floor", [np.array([2.5, 3.0], np.float32)], {}, (2, 3)),
        ("Equal", [np.array([2, 3]), np.array([2, 4])], {}, (1, 0)),
        ("Squeeze", [np.array([[2, 3]]), np.array([0])], {}, (2, 3)),
        ("Sub", [np.array([7, 3]), np.array([2])], {}, (5, 1)),
        ("Max", [np.array([7, 1]), np.array([2, 2])], {}, (7, 2)),
    ],
)  # fmt: skip
def test_operators_of_shape_computations(
    op: str, feeds: list[np.ndarray], attributes: dict[str, object], shape: tuple[int, ...]
) -> None:
    names = [f"c{i}" for i in range(len(feeds))]
    nodes = [
        node(op, names, ["v"], **attributes),
        node("Cast", ["v"], ["s"], to=INT64),
        node("ConstantOfShape" if op == "Range" else "Expand",
             ["s"] if op == "Range" else ["x", "s"], ["z"]),
        node("Relu", ["z"], ["y"]),
    ]  # fmt: skip
    weights = [constant(name, feed) for name, feed in zip(names, feeds, strict=True)]
    if op == "Range":  # its length is the number of axes
        nodes = [node(op, names, ["s"]), node("Shape", ["s"], ["n"]),
                 node("Expand", ["x", "n"], ["z"]), node("Relu", ["z"], ["y"])]  # fmt: skip
    if 0 in shape:  # not a shape: used as one it would give an empty tensor
        nodes[2:] = [node("Add", ["s", "one"], ["t"]), node("Expand", ["x", "t"], ["z"]),
                     node("Relu", ["z"], ["y"])]  # fmt: skip
        weights.append(constant("one", np.array([1])))
        shape = tuple(size + 1 for size in shape)
    network = load(nodes, {"x": (1,)}, ["y"], weights)
    assert network.tensors["y"].shape == shape


def test_a_declared_shape_stands_in_where_inference_ends() -> None:
    made = model(
        [node("Mystery", ["x"], ["m"], domain="custom"), node("Relu", ["m"], ["y"])],
        {"x": ("n", 4)},
    )
    made.graph.value_info.append(value("m", ("n", 8)))
    network = import_model(made, dims={"n": 5})
    assert network.tensors["y"].shape == (5, 8)
    assert [entry.elements for entry in network.not_modelled] == [40]


def test_what_depends_on_data_is_reported_with_its_readers() -> None:
    nodes = [
        node("NonZero", ["x"], ["i"]),
        node("Cast", ["i"], ["f"], to=1),
        node("Relu", ["x"], ["y"]),
    ]
    network = load(nodes, {"x": (4,)}, ["y", "f"])
    assert kinds(network) == ["Relu"]
    assert {entry.op for entry in network.not_modelled} == {"NonZero", "Cast"}
    assert all("when the network runs" in entry.reason for entry in network.not_modelled)
    assert network.coverage < 1


def test_nodes_out_of_order_are_sorted_with_a_note() -> None:
    nodes = [node("Sigmoid", ["a"], ["y"]), node("MatMul", ["x", "w"], ["a"])]
    network = load(nodes, {"x": (2, 3)}, ["y"], [weight("w", (3, 3))])
    assert network.macs == 18
    assert any("sorted" in note for note in network.notes)


def branches() -> dict[str, onnx.GraphProto]:
    return {
        "then_branch": graph([node("MatMul", ["x", "w"], ["t"])], {}, ["t"], [weight("w", (4, 5))]),
        "else_branch": graph([node("MatMul", ["x", "w"], ["e"])], {}, ["e"], [weight("w", (4, 9))]),
    }


@pytest.mark.parametrize(("condition", "macs"), [(True, 40), (False, 72)])
def test_if_with_a_known_condition_becomes_its_branch(condition: bool, macs: int) -> None:
    network = load(
        [node("If", ["c"], ["y"], **branches())], {"x": (2, 4)}, ["y"],
        [constant("c", np.array(condition))],
    )  # fmt: skip
    assert network.macs == macs
    assert not network.not_modelled


def test_if_on_a_computed_shape() -> None:
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Greater", ["n", "one"], ["c"]),
        node("If", ["c"], ["y"], **branches()),
    ]
    constants = [constant("zero", np.int64(0)), constant("one", np.int64(1))]
    assert load(nodes, {"x": ("n", 4)}, ["y"], constants, dims={"n": 2}).macs == 40
    assert load(nodes, {"x": ("n", 4)}, ["y"], constants).macs == 36


def test_if_on_data_is_reported() -> None:
    inputs = [value("x", (2, 4)), value("c", (1,), BOOL)]
    network = load(
        [node("If", ["c"], ["i"], **branches()), node("Relu", ["x"], ["y"])], inputs, ["y", "i"]
    )
    (entry,) = network.not_modelled
    assert entry.op == "If"
    assert "condition" in entry.reason


def loop_body(condition: str = "Identity") -> onnx.GraphProto:
    """h = h w, collected over the iterations."""
    nodes = [
        node("MatMul", ["h", "w"], ["h_next"]),
        node(condition, ["go" if condition == "Identity" else "h"], ["go_on"]),
        node("Relu", ["h_next"], ["seen"]),
    ]
    inputs = [value("i", (), INT64), value("go", (), BOOL), value("h", (2, 4))]
    return graph(nodes, inputs, ["go_on", "h_next", "seen"])


def test_loop_with_a_known_trip_count_is_written_out() -> None:
    network = load(
        [node("Loop", ["trips", "", "x"], ["last", "all"], body=loop_body())],
        {"x": (2, 4)},
        ["last", "all"],
        [constant("trips", np.int64(5)), weight("w", (4, 4))],
    )
    assert network.macs == 5 * 32
    assert not network.not_modelled
    names = [layer.name for layer in network.compute_layers]
    assert len(set(names)) == 5
    depends = network.dag
    assert depends.has_edge(names[0], names[1])


def test_loop_that_data_ends_is_reported() -> None:
    body = loop_body()
    del body.node[1:2]
    body.node.extend(
        [
            node("ReduceSum", ["h"], ["total"], keepdims=0),
            node("Cast", ["total"], ["go_on"], to=BOOL),
        ]
    )
    network = load(
        [node("Loop", ["trips", "", "x"], ["last", "all"], body=body), node("Abs", ["x"], ["y"])],
        {"x": (2, 4)},
        ["last", "y"],
        [constant("trips", np.int64(5)), weight("w", (4, 4))],
    )
    assert kinds(network) == ["Abs"]
    assert "when the loop ends" in network.not_modelled[0].reason


def test_loop_with_an_unknown_trip_count_is_reported() -> None:
    inputs = [value("x", (2, 4)), value("trips", (), INT64)]
    network = load(
        [node("Loop", ["trips", "", "x"], ["last", ""], body=loop_body()),
         node("Abs", ["x"], ["y"])],
        inputs, ["last", "y"], [weight("w", (4, 4))],
    )  # fmt: skip
    assert "trip count" in network.not_modelled[0].reason


def test_a_loop_too_long_to_write_out_is_reported() -> None:
    network = load(
        [node("Loop", ["trips", "", "x"], ["last", "all"], body=loop_body()),
         node("Abs", ["x"], ["y"])],
        {"x": (2, 4)}, ["last", "y"],
        [constant("trips", np.int64(10**6)), weight("w", (4, 4))],
    )  # fmt: skip
    assert "too long" in network.not_modelled[0].reason


def test_scan_runs_once_per_slice() -> None:
    nodes = [
        node("MatMul", ["h", "w"], ["hw"]),
        node("Add", ["hw", "step"], ["h_next"]),
        node("Identity", ["h_next"], ["seen"]),
    ]
    body = graph(nodes, {"h": (2, 4), "step": (2, 4)}, ["h_next", "seen"])
    network = load(
        [node("Scan", ["start", "x"], ["last", "all"], body=body, num_scan_inputs=1)],
        {"start": (2, 4), "x": (7, 2, 4)},
        ["last", "all"],
        [weight("w", (4, 4))],
    )
    assert network.macs == 7 * 32
    assert not network.not_modelled


def test_functions_are_written_out() -> None:
    body = [
        node("MatMul", ["a", "b"], ["m"]),
        helper.make_node("LeakyRelu", ["m"], ["out"], name="act"),
    ]
    reference = onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.FLOAT)
    reference.ref_attr_name = "slope"
    body[1].attribute.append(reference)
    function = helper.make_function(
        "local", "dense", ["a", "b"], ["out"], body, [helper.make_opsetid("", 21)], ["slope"]
    )
    nodes = [
        node("dense", ["x", "w"], ["h"], domain="local", slope=0.1),
        node("dense", ["h", "w"], ["y"], domain="local", slope=0.2),
    ]
    network = load(nodes, {"x": (2, 4)}, ["y"], [weight("w", (4, 4))], functions=[function])
    assert network.macs == 2 * 32
    assert [entry.work.op for layer in network.compute_layers for entry in layer.fused] == [
        "LeakyRelu",
        "LeakyRelu",
    ]


def test_an_old_model_lists_its_weights_as_inputs() -> None:
    made = model(
        [node("MatMul", ["x", "w"], ["y"])],
        {"x": (2, 4), "w": (4, 5)},
        ["y"],
        [weight("w", (4, 5))],
    )
    network = import_model(made)
    assert network.inputs == ("x",)
    assert not network.compute_layers[0].dynamic_weights


@pytest.mark.parametrize(
    "norm",
    [
        node("GroupNormalization", ["x", "s", "s"], ["n"], num_groups=2),
        node("MeanVarianceNormalization", ["x"], ["n"]),
    ],
    ids=lambda norm: str(norm.op_type),
)
def test_a_normalisation_that_onnx_defines_by_a_function(norm: onnx.NodeProto) -> None:
    """Its shape is that of its input, and what comes behind it is modelled."""
    network = load(
        [norm, node("Conv", ["n", "w"], ["y"])],
        {"x": (1, 4, 5, 5)},
        ["y"],
        [weight("s", (4,)), weight("w", (6, 4, 3, 3))],
    )
    assert network.not_modelled == ()
    assert network.tensors["n"].shape == (1, 4, 5, 5)
    assert network.macs == 6 * 4 * 9 * 9


@pytest.mark.parametrize("op", ["GreaterOrEqual", "LessOrEqual"])
def test_a_comparison_of_an_operator_set_that_has_no_shapes_for_it(op: str) -> None:
    """Operator set 12 defines it by a function of others."""
    nodes = [node(op, ["x", "b"], ["c"]), node("Where", ["c", "x", "b"], ["y"])]
    network = load(nodes, {"x": (2, 1, 5), "b": (3, 1)}, ["y"], opset=12)
    assert network.not_modelled == ()
    assert network.tensors["y"].shape == (2, 3, 5)


def test_a_second_shape_rule_is_refused() -> None:
    def rule(view: ShapeView) -> list[TensorType]:
        return [view.type(0)]

    shape_rule("OnlyForThisTest", domain="test")(rule)
    assert shape_rule_for("OnlyForThisTest", "test") is rule
    with pytest.raises(ValueError, match="two shape rules"):
        shape_rule("OnlyForThisTest", domain="test")(rule)


def test_the_shape_of_large_weights_is_known_too() -> None:
    nodes = [
        node("Transpose", ["w"], ["t"], perm=[1, 0]),
        node("Shape", ["t"], ["s"]),
        node("Expand", ["x", "s"], ["e"]),
        node("Relu", ["e"], ["y"]),
    ]
    network = load(nodes, {"x": (1,)}, ["y"], [weight("w", (300, 200))])
    assert network.tensors["y"].shape == (200, 300)
