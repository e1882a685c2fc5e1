"""ONNX's own test cases of operators with multiply-accumulates, executed on an accelerator."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from chiploom.dataflows.accelerator import Accelerator
from chiploom.frontend import InputError, LayerGraph
from chiploom.frontend.onnx_import import import_model
from chiploom.simulator import MappingCache
from chiploom.simulator.execution import NotExecutableError, execute_layers

from .test_network_execution import tiny

Array = npt.NDArray[Any]

#: Operators, and why some of their cases are refused.
OPERATORS = {
    "Attention": "",
    "Conv": "",
    "ConvInteger": "",
    "ConvTranspose": "joins phases",
    "Einsum": "takes a diagonal",
    "GRU": "reads r [*] H",
    "Gemm": "",
    "LSTM": "sequence_lens",
    "MatMul": "",
    "MatMulInteger": "",
    "QLinearConv": "",
    "QLinearMatMul": "",
    "RNN": "",
    "CausalConvWithState": "have no layout",
    "DeformConv": "have no layout",
    "LinearAttention": "have no layout",
}
#: Those of which none runs.
REFUSED = {"GRU", "CausalConvWithState", "DeformConv", "LinearAttention"}
#: Relative size of a rounding step of types of 16 bit.
EPSILON = {"float16": 2**-10, "bfloat16": 2**-7}


@pytest.fixture(scope="module")
def chip(tmp_path_factory: pytest.TempPathFactory) -> Accelerator:
    return tiny("systolic-ws", tmp_path_factory.mktemp("spec"))


@cache
def mappings() -> MappingCache:
    return MappingCache()


def constant_inputs(model: onnx.ModelProto, data: dict[str, Array]) -> LayerGraph:
    """Make constants of inputs that no layer reads: shapes, zero points. The import's answer."""
    graph = import_model(model)
    read = {name for layer in graph.layers for name in layer.inputs}
    fixed = [value for value in model.graph.input if value.name not in read]
    for value in fixed:
        model.graph.input.remove(value)
        model.graph.initializer.append(numpy_helper.from_array(data.pop(value.name), value.name))
    return import_model(model) if fixed else graph


def close(found: Array, wanted: Array) -> None:
    """As close as the test cases ask for; where they are of 16 bit, to two of their roundings."""
    assert found.dtype == wanted.dtype
    if found.dtype.kind in "iub":
        np.testing.assert_array_equal(found, wanted)
        return
    tolerance = 2 * EPSILON.get(found.dtype.name, 5e-4)
    np.testing.assert_allclose(
        found.astype(np.float64), wanted.astype(np.float64), rtol=tolerance, atol=tolerance / 100
    )


def outcome(case: Any, chip: Accelerator) -> str:
    """`equal`, or why a case is refused: with `import` in front where the import does so."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    given, wanted = case.data_sets[0]
    data = dict(zip((value.name for value in model.graph.input), given, strict=True))
    try:
        graph = constant_inputs(model, data)
        found = execute_layers(graph, model, chip, data, cache=mappings())
    except InputError as error:
        return f"import: {error}"
    except NotExecutableError as error:
        return str(error)
    for value, array in zip(model.graph.output, wanted, strict=True):
        close(found[value.name], array)
    return "equal"


@cache
def cases() -> dict[str, list[Any]]:
    """ONNX's own, by operator; those written out as other operators under `expanded`."""
    found: dict[str, list[Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of their making
        made = collect_testcases(None)
    for case in made:
        if case.model is not None:
            nodes = case.model.graph.node
            op = "expanded" if case.name.endswith("_expanded") else nodes[0].op_type
            found.setdefault(op, []).append(case)
    return found


@pytest.mark.parametrize("op", OPERATORS)
def test_products(op: str, chip: Accelerator) -> None:
    given = cases().get(op, [])
    if not given:
        pytest.skip(f"this version of ONNX has no cases for {op}")
    found = Counter(outcome(case, chip) for case in given)
    equal = found.pop("equal", 0)
    assert [text for text in found if not re.search(OPERATORS[op] or "^$", text)] == []
    assert equal or op in REFUSED


@pytest.mark.slow
def test_all_other_operators(chip: Accelerator) -> None:
    """Vector and move layers, and operators written out as others."""
    others = [case for op, found in cases().items() if op not in OPERATORS for case in found]
    tensors = [case for case in others if only_tensors(case) and "bernoulli" not in case.name]
    found = Counter(outcome(case, chip) for case in tensors)
    assert found.pop("equal") > len(tensors) / 2
    known = "^import|not modelled|ONNX's reference implementation does not compute this Scatter"
    assert [text for text in found if not re.search(known, text)] == []


def only_tensors(case: Any) -> bool:
    given, wanted = case.data_sets[0]
    return all(
        isinstance(array, np.ndarray) and array.dtype.kind != "O" for array in given + wanted
    )
