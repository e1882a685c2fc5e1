"""Files made to break the import: bounded time and memory, one short message, nothing opened."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import FunctionProto, ModelProto, NodeProto, TensorProto, helper

from chiploom.frontend import InputError
from chiploom.frontend.graph import LayerGraph
from chiploom.frontend.nest import LoopNest, NestError, positions_inside
from chiploom.frontend.onnx_import import import_model
from chiploom.frontend.passes.read import parse_model

sys.path.insert(0, str(Path(__file__).parent))
from onnx_models import model, node, value, weight

LONG = "n" * (1 << 20)


def refused(made: ModelProto) -> str:
    with pytest.raises(InputError) as caught:
        import_model(made)
    assert len(str(caught.value)) < 4000
    return str(caught.value)


def with_functions(nodes: list[NodeProto], *functions: FunctionProto) -> ModelProto:
    made = model(nodes, {"x": (1, 4)}, [nodes[-1].output[0]])
    made.opset_import.append(helper.make_opsetid("local", 1))
    made.functions.extend(functions)
    return made


def function(name: str, nodes: list[NodeProto], inputs: tuple[str, ...] = ("a",)) -> FunctionProto:
    opsets = [helper.make_opsetid("local", 1), helper.make_opsetid("", 17)]
    return helper.make_function("local", name, list(inputs), ["b"], nodes, opsets)


def in_process(code: str, *arguments: str, gib: float = 2.0) -> str:
    """Run code in a process with bounds of memory and time; what it prints."""
    limits = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({int(gib * 2**30)},) * 2)\n"
    done = subprocess.run(
        [sys.executable, "-c", limits + textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


# -- sizes ---------------------------------------------------------------------------------------
def test_a_declared_tensor_takes_no_memory(tmp_path: Path) -> None:
    """2 GiB are said to be there, in a file of less than 1 KiB."""
    w = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 20, 1 << 9])
    made = model([node("MatMul", ["x", "w"], ["y"])], {"x": (1, 1 << 20)}, ["y"], [w])
    file = tmp_path / "huge.onnx"
    file.write_bytes(made.SerializeToString())
    assert file.stat().st_size < 1024
    code = """
        import sys, chiploom
        from chiploom.frontend import load_onnx
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(load_onnx(sys.argv[1]).macs)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
    """
    assert int(in_process(code, str(file))) == 2**29


@pytest.mark.parametrize("size", [2**31, 2**53, 2**62, 2**63 - 1])
def test_sizes_whose_products_overflow(size: int) -> None:
    nodes = [node("Relu", ["x"], ["a"]), node("Size", ["a"], ["y"])]
    text = refused(model(nodes, {"x": (size, size, size)}, ["y"]))
    assert str(size**3) in text
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    text = refused(model(nodes, {"x": (size, size)}, ["y"], [weight("w", (size, size))]))
    assert "2^53 multiply-accumulates" in text


@pytest.mark.parametrize("op", ["Conv", "MaxPool"])
def test_strides_over_a_very_long_line(op: str) -> None:
    """Positions are counted, not listed."""
    given, options = ["x"], {"strides": [1, 3]}
    if op == "Conv":
        given.append("w")
    else:
        options["kernel_shape"] = [1, 2]
    made = model(
        [node(op, given, ["y"], **options)], {"x": (1, 1, 1, 2**30)}, ["y"],
        [weight("w", (1, 1, 1, 2))],
    )  # fmt: skip
    (layer,) = import_model(made).layers
    assert layer.output == "y"


@given(*(st.integers(1, 9) for _ in range(4)), st.integers(-20, 60), st.integers(-1, 60))
def test_positions_are_counted_as_they_are_listed(
    stride: int, dilation: int, outputs: int, taps: int, first: int, length: int
) -> None:
    listed = {stride * o + dilation * f for o in range(outputs) for f in range(taps)}
    expected = sum(first <= position <= first + length for position in listed)
    assert positions_inside(stride, dilation, outputs, taps, first, first + length) == expected


def test_taps_that_cannot_be_counted_are_no_nest() -> None:
    with pytest.raises(NestError, match="65536 taps"):
        LoopNest((1, 1, 1, 1, 1, 2, 1, 2**20), stride=(1, 2**20), dilation=(1, 3))


# -- bodies --------------------------------------------------------------------------------------
def test_functions_that_call_themselves() -> None:
    twice = [node("f", ["a"], ["t"], domain="local"), node("f", ["t"], ["b"], domain="local")]
    again = function("f", twice)
    assert "recursive" in refused(with_functions([node("f", ["x"], ["y"], domain="local")], again))


def test_functions_that_double() -> None:
    """40 functions, each of which calls the one before twice."""

    def called(level: int, source: str, target: str) -> NodeProto:
        if level == 0:
            return node("Relu", [source], [target])
        return node(f"f{level - 1}", [source], [target], domain="local")

    doubling = [
        function(f"f{n}", [called(n, "a", "t"), called(n, "t", "b")]) for n in range(40)
    ]  # fmt: skip
    made = with_functions([node("f39", ["x"], ["y"], domain="local")], *doubling)
    assert "functions expand to more than" in refused(made)


def test_functions_with_very_many_inputs() -> None:
    wide = function("f", [node("Relu", ["a"], ["b"])], ("a", *(f"i{n}" for n in range(20_000))))
    calls = [node("f", ["x"], [f"y{n}"], domain="local") for n in range(1000)]
    assert "write out to more than" in refused(with_functions(calls, wide))


def test_names_of_a_megabyte_written_out_many_times() -> None:
    inner = function("f", [node("Relu", ["a"], ["t"], name=LONG), node("Relu", ["t"], ["b"])])
    calls = [
        node("f", ["x"], [f"y{n}"], domain="local", name=f"{LONG}{n}") for n in range(100)
    ]  # fmt: skip
    assert "characters of names" in refused(with_functions(calls, inner))


def test_a_loop_without_nodes_ends() -> None:
    body = helper.make_graph(
        [], "body", [value("i", ()), value("c", ()), value("v", None)],
        [value("c", ()), value("v", None)],
    )  # fmt: skip
    trips = helper.make_tensor("n", TensorProto.INT64, [], [2**62])
    made = model([node("Loop", ["n", "", "x"], ["y"], body=body)], {"x": (4,)}, ["y"], [trips])
    assert "loops and branches write out" in refused(made)


@pytest.mark.parametrize("dims", [[0], [2]])
def test_a_trip_count_that_is_none(dims: list[int]) -> None:
    body = helper.make_graph([], "body", [value("i", ()), value("c", ())], [value("c", ())])
    trips = helper.make_tensor("n", TensorProto.INT64, dims, [1] * dims[0])
    made = model([helper.make_node("Loop", ["n", ""], [], body=body), node("Relu", ["x"], ["y"])],
                 {"x": (4,)}, ["y"], [trips])  # fmt: skip
    assert "one whole number as its trip count" in refused(made)


def varint(number: int) -> bytes:
    head = bytes([number & 0x7F | (0x80 if number > 0x7F else 0)])
    return head + varint(number >> 7) if number > 0x7F else head


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


@pytest.mark.parametrize("levels", [100, 3000])
def test_branches_within_branches(levels: int) -> None:
    """As bytes: protobuf itself would not write so many levels."""
    graph = field(1, field(4, b"Relu") + field(1, b"x") + field(2, b"y"))
    for _ in range(levels):
        attribute = field(1, b"then_branch") + field(6, graph) + varint(20 << 3) + varint(5)
        inner = field(4, b"If") + field(1, b"c") + field(2, b"y") + field(5, attribute)
        graph = field(1, inner) + field(12, field(1, b"y"))
    data = varint(8) + varint(8) + field(7, graph) + field(8, varint(16) + varint(17))
    with pytest.raises(InputError, match="do not read as one"):
        parse_model(data)


# -- names ---------------------------------------------------------------------------------------
def test_names_that_collide_again_and_again() -> None:
    names = ["a" + "_1" * length for length in range(2000)] + ["a"]
    nodes = [
        node("Relu", [f"t{n}"], [f"t{n + 1}"], name=name) for n, name in enumerate(names)
    ]  # fmt: skip
    made = model(nodes, {"t0": (4,)}, [f"t{len(names)}"])
    assert len(import_model(made).layers) == 1  # all of them in one


def test_long_names_work_and_their_messages_are_short() -> None:
    nodes = [node("Relu", ["x"], [LONG], name=LONG)]
    assert import_model(model(nodes, {"x": (4,)}, [LONG])).outputs == (LONG,)
    nodes.append(node("MatMul", [LONG, "x"], ["y"], name=LONG + "2"))
    text = refused(model(nodes, {"x": (2, 3)}))
    assert "nnn…nnn" in text
    assert "(MatMul)" in text
    assert "check the shapes" in text


def test_very_many_symbols_make_a_short_note() -> None:
    made = model([node("Relu", ["x"], ["y"])], {"x": tuple(f"s{n}" for n in range(5000))})
    (note,) = import_model(made).notes
    assert len(note) < 400
    assert "and 4988 more" in note


def test_a_name_that_is_not_text() -> None:
    data = model([node("Relu", ["x"], ["YYYY"])], {"x": (4,)}, ["YYYY"]).SerializeToString()
    with pytest.raises(InputError):
        import_model(parse_model(data.replace(b"YYYY", b"\xff\xfeYY")))


def test_a_dimension_that_looks_like_python() -> None:
    """Neither evaluated nor, as the parser would, warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in (r"'\d' + a", "0x1for b", "__import__('os')", "9**9**9**9", "(" * 199):
            made = model([node("Relu", ["x"], ["y"])], {"x": (name, 4)})
            assert import_model(made).tensors["x"].shape == (1, 4)


# -- operators -----------------------------------------------------------------------------------
NATIVE: dict[str, tuple[NodeProto, tuple[int, ...]]] = {
    "Split": (node("Split", ["c"], ["y"], num_outputs=3), (1,)),
    "GatherND": (node("GatherND", ["x", "x"], ["y"], batch_dims=-3), (1, 4, 6, 8, 2)),
    "Einsum": (node("Einsum", ["x", "c", "x", "x"], ["y"], equation="Oʺ˯ôƲ"), (8,)),
}


@pytest.mark.parametrize("op", list(NATIVE))
def test_what_onnx_itself_does_not_survive(op: str) -> None:
    made, shape = NATIVE[op]
    constant = helper.make_tensor("c", TensorProto.INT64, [1], [5])
    text = refused(model([made], {"x": shape}, ["y"], [constant], opset=20))
    assert f"({op})" in text


@pytest.mark.parametrize(
    "made",
    [
        node("DepthToSpace", ["x"], ["y"], domain="com.microsoft"),
        node("DepthToSpace", ["x"], ["y"], domain="com.microsoft", blocksize=0),
        node("QLinearAveragePool", ["x"], ["y"], domain="com.microsoft"),
        node("EmbedLayerNormalization", ["x"], ["y"], domain="com.microsoft"),
        node("QLinearConcat", ["x"], ["y"], domain="com.microsoft", axis=9),
        node("MatMulNBits", ["x"], ["y"], domain="com.microsoft", N="text"),
        node("MatMulNBits", ["x"], ["y"], domain="com.microsoft", N=-5),
        node("Constant", [], ["y"], value_floats="text"),
        node("Constant", [], ["y"], nonsense=1),
        helper.make_node("Constant", [], [], value_int=1),
    ],
)
def test_a_malformed_operator(made: NodeProto) -> None:
    nodes = [made, node("Relu", ["x"], ["z"])]
    text = refused(model(nodes, {"x": (1, 8, 6, 6)}, ["z"], opset=17))
    assert made.op_type in text


@pytest.mark.parametrize("version", [-1, 2**31, 2**62])
def test_an_operator_set_that_cannot_be(version: int) -> None:
    assert "operator set" in refused(
        model([node("Relu", ["x"], ["y"])], {"x": (4,)}, opset=version)
    )


def test_only_shape_arithmetic_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an Einsum that would take 4096^4 steps, nor text that doubles."""
    from chiploom.frontend.passes import fold

    computed: list[str] = []
    original = fold.fold

    def spied(made: NodeProto, *rest: Any) -> Any:
        found = original(made, *rest)
        computed.extend([made.op_type] if found else [])
        return found

    monkeypatch.setattr("chiploom.frontend.passes.walk.fold", spied)
    ones = [helper.make_tensor(n, TensorProto.FLOAT, [4096], [1.0] * 4096) for n in "abcd"]
    text = helper.make_tensor("s", TensorProto.STRING, [1], [b"x" * 999])
    nodes = [node("Einsum", list("abcd"), ["e"], equation="i,j,k,l->")]
    names = ["s", *(f"s{n}" for n in range(60))]
    nodes += [node("StringConcat", [before, before], [after]) for before, after in pairwise(names)]
    nodes += [node("Relu", ["x"], ["y"])]
    graph = import_model(model(nodes, {"x": (4,)}, ["y", "e", "s59"], [*ones, text], opset=20))
    assert [layer.op for layer in graph] == ["Relu"]
    assert computed == []


# -- many nodes ----------------------------------------------------------------------------------
def chain(count: int) -> ModelProto:
    nodes = [node("Abs", [f"t{n}"], [f"t{n + 1}"]) for n in range(count)]
    return model(nodes, {"t0": (4,)}, [f"t{count}"])


def backward(count: int) -> ModelProto:
    made = chain(count)
    nodes = list(made.graph.node)[::-1]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    return made


def one_sum(count: int) -> ModelProto:
    nodes = [node("Abs", ["x"], [f"t{n}"]) for n in range(count)]
    return model([*nodes, node("Sum", [f"t{n}" for n in range(count)], ["y"])], {"x": (4,)})


def one_source(count: int) -> ModelProto:
    nodes = [node("Add", ["a", "x"], [f"t{n}"]) for n in range(count)]
    outputs = [f"t{n}" for n in range(count)]
    return model([node("Abs", ["x"], ["a"]), *nodes], {"x": (4,)}, outputs)


def convolutions(count: int) -> ModelProto:
    nodes = []
    for n in range(count // 2):
        nodes += [node("Conv", [f"t{n}", "w"], [f"c{n}"]), node("Relu", [f"c{n}"], [f"t{n + 1}"])]
    w = weight("w", (4, 4, 1, 1))
    return model(nodes, {"t0": (1, 4, 4, 4)}, [f"t{count // 2}"], [w])


@pytest.mark.parametrize("made", [chain, backward, one_sum, one_source, convolutions])
def test_the_work_grows_with_the_nodes(made: Callable[[int], ModelProto]) -> None:
    """Calls of functions, of Python's and of C's, are counted: four times the nodes, four times."""
    import_model(made(8))  # what is loaded and cached at first
    assert calls(made(1200)) < 4.4 * calls(made(300))


def calls(made: ModelProto) -> int:
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        import_model(made)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.slow
def test_a_million_nodes() -> None:
    """See benchmarks/nodes.py for the time."""
    graph: LayerGraph = import_model(chain(1_000_000))
    assert len(graph.layers) == 1
    assert len(graph.layers[0].nodes) == 1_000_000


# -- external data -------------------------------------------------------------------------------
def test_external_data_is_never_opened(tmp_path: Path) -> None:
    """Whatever its location says: an audit hook sees every file that is opened."""
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(64))
    folder = tmp_path / "models"
    folder.mkdir()
    os.mkfifo(folder / "pipe")  # opening it would never end
    (folder / "link").symlink_to(secret)
    locations = ("pipe", "link", "../secret.bin", str(secret), "missing", "/dev/zero", "")
    nodes, weights = [], []
    for number, location in enumerate(locations):
        w = TensorProto(name=f"w{number}", data_type=TensorProto.FLOAT, dims=[4, 4])
        w.data_location = TensorProto.EXTERNAL
        w.external_data.add(key="location", value=location)
        w.external_data.add(key="length", value=str(2**40))
        weights.append(w)
        nodes.append(node("MatMul", [f"t{number}", w.name], [f"t{number + 1}"]))
    made = model(nodes, {"t0": (4, 4)}, [f"t{len(locations)}"], weights)
    made.graph.node.append(node("Reshape", ["t1", "shape"], ["r"]))
    made.graph.output.append(value("r", None))
    shape = TensorProto(name="shape", data_type=TensorProto.INT64, dims=[2])
    shape.data_location = TensorProto.EXTERNAL
    shape.external_data.add(key="location", value="pipe")
    made.graph.initializer.append(shape)
    file = folder / "model.onnx"
    file.write_bytes(made.SerializeToString())
    code = """
        import sys
        opened = []
        sys.addaudithook(lambda event, given: opened.append(given[0]) if event == "open" else None)
        from chiploom.frontend import load_onnx
        graph = load_onnx(sys.argv[1])
        for name in opened:
            if isinstance(name, (str, bytes)) and sys.argv[2] in str(name):
                print(name)
    """
    assert in_process(code, str(file), str(tmp_path)).splitlines() == [str(file)]
