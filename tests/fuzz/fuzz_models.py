"""ONNX files that are almost right: networks changed by their structure, and made-up operators."""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import fuzz_values as values
import onnx
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, defs, helper

from chiploom.frontend import lowering, shape_rules, zoo
from chiploom.frontend.operators import load_rules

#: Shipped networks that import in well under a second.
_ZOO: Final = ("alexnet", "gru", "lstm", "resnet9", "llama-decoder-decode", "unet")
_LARGEST: Final = 60_000

_KINDS: Final = {
    "FLOAT": AttributeProto.FLOAT,
    "INT": AttributeProto.INT,
    "STRING": AttributeProto.STRING,
    "INTS": AttributeProto.INTS,
    "FLOATS": AttributeProto.FLOATS,
    "STRINGS": AttributeProto.STRINGS,
    "TENSOR": AttributeProto.TENSOR,
}


@lru_cache(maxsize=1)
def corpus() -> tuple[bytes, ...]:
    """Networks to start from: small ones of the zoo, and the onnx package's own test models."""
    files = [Path(zoo.path(name)) for name in _ZOO]
    data = Path(onnx.__file__).parent / "backend/test/data"
    files += sorted(data.glob("*/*/model.onnx"))
    return tuple(f.read_bytes() for f in files if f.stat().st_size <= _LARGEST)


@lru_cache(maxsize=1)
def operators() -> tuple[tuple[str, str], ...]:
    """(domain, operator) of everything that ONNX or the importer knows."""
    load_rules()
    known = {(schema.domain, schema.name) for schema in defs.get_all_schemas()}
    known |= set(lowering._RULES) | set(shape_rules._RULES)
    return tuple(sorted(known))


def model(draw: random.Random) -> bytes:
    """One file."""
    made = _soup(draw) if draw.random() < 0.5 else ModelProto.FromString(draw.choice(corpus()))
    for _ in range(draw.choice((0, 1, 1, 2, 3, 6))):
        _change(made, draw)
    data: bytes = made.SerializeToString()
    return values.damaged(data, draw) if draw.random() < 0.1 else data


# -- made-up operators -------------------------------------------------------------------------
def _shape(draw: random.Random) -> list[int]:
    usual = draw.choice(
        ((1, 4, 8, 8), (2, 8), (1, 6, 8), (8,), (4, 4), (1, 4, 6, 8, 2), (), (8, 3))
    )
    sizes = list(usual)
    if sizes and draw.random() < 0.15:
        sizes[draw.randrange(len(sizes))] = values.integer(draw)
    return sizes


def _tensor(draw: random.Random, name: str) -> TensorProto:
    """A small constant, mostly of integers as they stand for shapes, axes and counts."""
    count = draw.choice((0, 1, 1, 2, 4, 8))
    if draw.random() < 0.7:
        data: Any = [values.integer(draw) for _ in range(count)]
        return helper.make_tensor(name, TensorProto.INT64, [count], data)
    if draw.random() < 0.2:
        data = [values.text(draw).encode() for _ in range(count)]
        return helper.make_tensor(name, TensorProto.STRING, [count], data)
    data = [values.real(draw) for _ in range(count)]
    return helper.make_tensor(name, TensorProto.DOUBLE, [count], data)


def _attribute(draw: random.Random, name: str, kind: str) -> AttributeProto:
    made = AttributeProto(name=name, type=_KINDS.get(kind, AttributeProto.INT))
    count = draw.choice((0, 1, 2, 2, 4))
    if kind == "FLOAT":
        made.f = values.real(draw)
    elif kind == "STRING":
        made.s = values.text(draw).encode()
    elif kind == "INTS":
        made.ints.extend(values.integer(draw) for _ in range(count))
    elif kind == "FLOATS":
        made.floats.extend(values.real(draw) for _ in range(count))
    elif kind == "STRINGS":
        made.strings.extend(values.text(draw).encode() for _ in range(count))
    elif kind == "TENSOR":
        made.t.CopyFrom(_tensor(draw, "t"))
    else:
        made.i = values.integer(draw)
    return made


def _node(draw: random.Random, pool: list[str], number: int) -> NodeProto:
    domain, op = draw.choice(operators())
    made = NodeProto(op_type=op, domain=domain, name=f"n{number}")
    least, most, outputs, known = 1, 4, 1, {}
    if defs.has(op, domain):
        schema = defs.get_schema(op, domain)
        least, most = schema.min_input, min(schema.max_input, schema.min_input + 3)
        outputs = min(schema.max_output, schema.min_output + 1)
        known = {key: value.type.name for key, value in schema.attributes.items()}
    made.input.extend(draw.choice(pool) for _ in range(draw.randint(least, max(least, most))))
    made.output.extend(f"t{number}.{place}" for place in range(max(1, outputs)))
    for key, kind in known.items():
        if schema.attributes[key].required or draw.random() < 0.3:
            made.attribute.append(_attribute(draw, key, kind))
    return made


def _soup(draw: random.Random) -> ModelProto:
    """A few operators on tensors that may fit them."""
    graph = GraphProto(name="soup")
    for place in range(draw.randint(1, 3)):
        element = draw.choice((1, 1, 1, 7, 10, 3, 9))
        graph.input.append(helper.make_tensor_value_info(f"x{place}", element, _shape(draw)))
    for place in range(3):
        graph.initializer.append(_tensor(draw, f"c{place}"))
    for place in range(2):  # weights without data
        sizes = [max(0, size) for size in _shape(draw)]
        graph.initializer.append(TensorProto(name=f"w{place}", data_type=1, dims=sizes))
    pool = [one.name for one in (*graph.input, *graph.initializer)]
    for number in range(draw.randint(1, 5)):
        node = _node(draw, pool, number)
        graph.node.append(node)
        pool += node.output
    graph.output.append(helper.make_tensor_value_info(graph.node[-1].output[0], 1, None))
    versions = [
        helper.make_opsetid("", draw.randint(7, 26)),
        helper.make_opsetid("com.microsoft", 1),
    ]
    return helper.make_model(graph, opset_imports=versions)


# -- changes -----------------------------------------------------------------------------------
def _messages(message: Message) -> list[Message]:
    """A message and all that it holds."""
    found, waiting = [], [message]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for field, value in one.ListFields():
            if field.type == Field.TYPE_MESSAGE:
                waiting.extend(value if field.is_repeated else [value])
    return found


def _change(model: ModelProto, draw: random.Random) -> None:
    """One change at one place."""
    kind = draw.randrange(8)
    nodes = list(model.graph.node)
    if kind == 0 and nodes:
        _rewire(model, draw.choice(nodes), draw)
    elif kind == 1 and nodes:
        _retype(draw.choice(nodes), draw)
    elif kind == 2 and nodes:
        _wrap(model, draw)
    elif kind == 3 and nodes:
        other = ModelProto.FromString(draw.choice(corpus()))
        model.graph.node.insert(draw.randrange(len(nodes) + 1), draw.choice(other.graph.node))
    else:
        _set_field(draw.choice(_messages(model)), draw)


def _rewire(model: ModelProto, node: NodeProto, draw: random.Random) -> None:
    known = [name for one in model.graph.node for name in (*one.input, *one.output)] or [""]
    names = draw.choice((node.input, node.input, node.output))
    kind = draw.randrange(4)
    if kind == 0 or not names:
        names.append(draw.choice(known))
    elif kind == 1:
        del names[draw.randrange(len(names))]
    else:
        name = values.text(draw) if kind == 2 and draw.random() < 0.3 else draw.choice(known)
        names[draw.randrange(len(names))] = name


def _retype(node: NodeProto, draw: random.Random) -> None:
    """Another operator, or another attribute of it."""
    if draw.random() < 0.3:
        node.domain, node.op_type = draw.choice(operators())
    elif defs.has(node.op_type, node.domain):
        known = defs.get_schema(node.op_type, node.domain).attributes
        if known:
            name = draw.choice(sorted(known))
            kept = [one for one in node.attribute if one.name != name]
            right = known[name].type.name
            kind = draw.choice(sorted(_KINDS)) if draw.random() < 0.2 else right
            del node.attribute[:]
            node.attribute.extend([*kept, _attribute(draw, name, kind)])


def _wrap(model: ModelProto, draw: random.Random) -> None:
    """A run of nodes becomes a branch, the body of a loop, or a function."""
    nodes = list(model.graph.node)
    first = draw.randrange(len(nodes))
    run = nodes[first : first + draw.randint(1, 3)]
    made = [name for node in run for name in node.output if name]
    if not made:
        return
    kind = draw.choice(("If", "Loop", "Scan", "call"))
    wrapper = NodeProto(name="wrapped", output=made[-1:])
    if kind == "call":
        function = model.functions.add(name="fuzz", domain="local", output=made[-1:])
        function.node.extend(run)
        taken = dict.fromkeys(name for node in run for name in node.input if name not in made)
        function.input.extend(taken)
        wrapper.op_type, wrapper.domain = "fuzz", "local"
        wrapper.input.extend(taken)
        if draw.random() < 0.3:
            function.node.append(wrapper)  # calls itself
    else:
        body = GraphProto(name="body", node=run)
        outputs = ["again"] * (kind == "Loop") + made[-1:]
        body.output.extend(helper.make_tensor_value_info(name, 1, None) for name in outputs)
        wrapper.op_type = kind
        constant = helper.make_tensor("fuzz.c", 9 if kind == "If" else 7, [], [draw.randrange(3)])
        model.graph.initializer.append(constant)
        wrapper.input.extend(["fuzz.c", ""] if kind == "Loop" else ["fuzz.c"])
        if kind == "Loop":
            body.input.extend(helper.make_tensor_value_info(n, 7, []) for n in ("step", "going"))
            body.node.add(op_type="Identity", input=["going"], output=["again"])
        for name in ("then_branch", "else_branch") if kind == "If" else ("body",):
            wrapper.attribute.append(helper.make_attribute(name, body))
        if kind == "Scan":
            wrapper.attribute.append(helper.make_attribute("num_scan_inputs", 1))
    kept = [*nodes[:first], wrapper, *nodes[first + len(run) :]]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _set_field(message: Message, draw: random.Random) -> None:
    """A value of one field, of its type: set, removed, repeated or exchanged."""
    field = draw.choice(list(message.DESCRIPTOR.fields))
    if field.is_repeated:
        _set_repeated(getattr(message, field.name), field, draw)
    elif draw.random() < 0.2:
        message.ClearField(field.name)
    elif field.type == Field.TYPE_MESSAGE:
        getattr(message, field.name).SetInParent()
    else:
        setattr(message, field.name, _scalar(field, draw))


def _set_repeated(items: Any, field: Field, draw: random.Random) -> None:
    kind = draw.randrange(4)
    if kind == 0 and items:
        del items[draw.randrange(len(items))]
    elif kind == 1 and items:
        items.append(draw.choice(list(items)))
    elif field.type == Field.TYPE_MESSAGE:
        items.add()
    elif kind == 2 and items:
        items[draw.randrange(len(items))] = _scalar(field, draw)
    else:
        items.append(_scalar(field, draw))


def _scalar(field: Field, draw: random.Random) -> Any:
    if field.type == Field.TYPE_STRING:
        return values.text(draw)
    if field.type == Field.TYPE_BYTES:
        return values.text(draw).encode() if draw.random() < 0.5 else draw.randbytes(9)
    if field.type in (Field.TYPE_FLOAT, Field.TYPE_DOUBLE):
        return values.real(draw)
    if field.type == Field.TYPE_ENUM:
        return draw.choice(field.enum_type.values).number
    number = values.integer(draw)
    bits = 32 if field.type in (Field.TYPE_INT32, Field.TYPE_UINT32) else 64
    if field.type in (Field.TYPE_UINT32, Field.TYPE_UINT64):
        return number % 2**bits
    half = 2 ** (bits - 1)
    return (number + half) % 2**bits - half
