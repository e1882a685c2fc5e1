"""ONNX in, layer graph out: the passes in their order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .errors import InputError, brief
from .graph import ComputeLayer, Layer, LayerGraph, NotModelled, Tensor

if TYPE_CHECKING:
    from onnx import ModelProto

    from .program import Program


def load_onnx(
    path: str | os.PathLike[str],
    *,
    dims: Mapping[str, int] | None = None,
    bits: int | None = None,
    strict: bool = False,
) -> LayerGraph:
    """Import a network.

    Args:
        path: of an ONNX file, or the name of a network of the zoo. External data is not read.
        dims: sizes of symbolic dimensions by name; `input.axis` for one without a name. Those
            not given are 1, which the graph's notes say.
        bits: width of all data in place of the file's types.
        strict: refuse a network with operators that are not modelled.

    Raises:
        InputError: the file cannot be used as it is, or `strict` refuses it.
    """
    from .passes.read import locate, read_model

    try:
        file = locate(path)
        return import_model(read_model(file), name=file.stem, dims=dims, bits=bits, strict=strict)
    except InputError as error:
        raise InputError(f"{os.fspath(path)}: {error}") from error


def import_model(
    model: ModelProto,
    *,
    name: str = "",
    dims: Mapping[str, int] | None = None,
    bits: int | None = None,
    strict: bool = False,
) -> LayerGraph:
    """Import a parsed model; arguments as of `load_onnx`."""
    return import_program(elaborated(model, dims), name=name, bits=bits, strict=strict)


def import_program(
    program: Program, *, name: str = "", bits: int | None = None, strict: bool = False
) -> LayerGraph:
    """The layer graph of a program as `elaborated` leaves it; arguments as of `load_onnx`."""
    from .passes.fuse import fuse
    from .passes.lower import lower
    from .passes.transposes import read_transposes_in_place

    program = normalised(program, bits)
    lowered = lower(program, bits)
    if strict and lowered.not_modelled:
        raise InputError(_refusal(lowered.not_modelled))
    if not lowered.layers and lowered.not_modelled:
        raise InputError(f"nothing in the network can be costed: {_listed(lowered.not_modelled)}")
    outputs = border(program)
    tensors = _tensors(program, lowered.layers)
    layers = read_transposes_in_place(lowered.layers, tensors, outputs)
    layers = fuse(layers, tensors, outputs)
    used = {tensor for layer in layers for tensor in (*layer.inputs, layer.output)}
    used.update((*program.inputs, *outputs))
    return LayerGraph(
        name=name or program.name or "network",
        layers=layers,
        tensors={key: tensors[key] for key in tensors if key in used},
        inputs=program.inputs,
        outputs=outputs,
        not_modelled=tuple(lowered.not_modelled),
        notes=tuple(map(brief, (*program.notes, *lowered.notes))),
        modelled_elements=lowered.modelled_elements,
        metadata=program.metadata,
    )


def elaborated(model: ModelProto, dims: Mapping[str, int] | None) -> Program:
    """The program of a model as its file has it: written out, what reaches no output left out."""
    from .operators import load_rules
    from .passes.bind import bind_inputs
    from .passes.elaborate import elaborate
    from .passes.prune import prune

    load_rules()  # shape rules come with them
    inputs, binding = bind_inputs(model.graph, dims)
    return prune(elaborate(model, inputs, binding))


def normalised(program: Program, bits: int | None) -> Program:
    """A program as `elaborated` leaves it, made ready to be lowered."""
    from .passes.affine import fold_affine
    from .passes.compile_time import drop_compile_time
    from .passes.concat import concatenate_in_place
    from .passes.identities import drop_identities
    from .passes.pads import fold_pads
    from .passes.prune import prune
    from .passes.quantization import absorb_quantization
    from .passes.views import alias_views
    from .passes.widths import override_widths

    if bits is not None:
        program = override_widths(program, bits)
    program = absorb_quantization(drop_identities(program))
    program = prune(drop_compile_time(program), silent=True)
    program = fold_affine(fold_pads(program))
    return concatenate_in_place(prune(alias_views(program), silent=True))


def border(program: Program) -> tuple[str, ...]:
    """The tensors that leave the network, as they exist in memory."""
    from .passes.views import underlying

    found = (root for name in program.outputs for root in underlying(program.views, name))
    return tuple(dict.fromkeys(found))


def _tensors(program: Program, layers: Iterable[Layer]) -> dict[str, Tensor]:
    """Every tensor that the layers touch, and those at the border."""
    tensors: dict[str, Tensor] = {}
    for name in (*program.inputs, *border(program)):
        _add(tensors, program, name)
    for layer in layers:
        for name in layer.inputs:
            _add(tensors, program, name)
        _add(tensors, program, layer.output)
        if layer.output not in tensors:
            tensors[layer.output] = _inner_tensor(layer)
    return tensors


def _add(tensors: dict[str, Tensor], program: Program, name: str) -> None:
    type_ = program.type_of(name)
    if name not in tensors and type_.known is not None:
        tensors[name] = Tensor(name, type_.known, type_.bits)


def _inner_tensor(layer: Layer) -> Tensor:
    """A tensor between the layers of one node, which the file does not know."""
    if isinstance(layer, ComputeLayer):
        nest = layer.nest
        shape = (nest["B"], nest["G"], nest["K"], nest["OY"], nest["OX"])
        return Tensor(layer.output, shape, layer.bits.O)
    width = next(width for width in (32, 16, 8, 4, 2, 1) if layer.write_bits % width == 0)
    return Tensor(layer.output, (layer.write_bits // width,), width)


def _listed(entries: Iterable[NotModelled]) -> str:
    return "; ".join(f"{entry.count} {entry.op} ({entry.reason})" for entry in entries)


def _refusal(entries: Iterable[NotModelled]) -> str:
    return (
        f"not everything is modelled: {_listed(entries)}; import without `strict` to leave "
        "these out, or export the network without them"
    )
