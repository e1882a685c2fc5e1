"""What every layer costs on every option, computed when a layer is first seen and kept.

Layers that cost the same share an entry. With a folder, entries outlive the process, and several
processes share them: an entry is one file, written at once. The folder never stops a search: an
entry that cannot be read is computed anew and replaced, and where one cannot be written, that is
said and memory alone is used.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np

from ...frontend.graph import ComputeLayer, Layer, LayerGraph
from ...simulator.cache import mapper_version
from ...simulator.files import write_bytes
from ...simulator.rates import structure
from ...simulator.variants import NEVER, VariantCosts, nest_costs, streamed_costs
from .catalogue import Settings, catalogue
from .options import Group, Options

#: Layout of the files.
LAYOUT: Final = 2
#: What reading a damaged archive of NumPy's raises. (What it holds has checksums.)
_DAMAGED: Final = (
    OSError, ValueError, KeyError, EOFError, TypeError, SyntaxError, NotImplementedError,
    RuntimeError, MemoryError, OverflowError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LayerKey:
    """What a layer's costs follow from, whatever its name."""

    text: str

    @staticmethod
    def of(layer: Layer, graph: LayerGraph) -> LayerKey:
        """Of a nest with its widths and fused work; of any other layer its bits and operations."""
        if isinstance(layer, ComputeLayer):
            fused = [(work.work, work.read_bits) for work in layer.fused]
            return LayerKey(repr((layer.nest, layer.bits, fused)))
        work = [] if not hasattr(layer, "work") else [layer.work]
        fused = [(item.work, item.read_bits) for item in getattr(layer, "fused", ())]
        names = [name for name in (*layer.inputs, layer.output) if name in graph.tensors]
        tensors = [(graph.tensors[name].shape, graph.tensors[name].bits) for name in names]
        return LayerKey(repr((layer.read_bits, layer.write_bits, work, fused, tensors)))


class CostTables:
    """Costs of layers on all options of one sub-accelerator.

    Args:
        options: of the sub-accelerator.
        settings: how layers are mapped.
        folder: that keeps them, None for memory alone.

    Attributes:
        notes: what the user should know: why the folder is no longer written to.
    """

    def __init__(
        self, options: Options, settings: Settings, folder: str | os.PathLike[str] | None = None
    ) -> None:
        self.options, self.settings = options, settings
        self.folder = None if folder is None else Path(folder)
        self.notes: tuple[str, ...] = ()
        self._known: dict[LayerKey, VariantCosts] = {}
        self._group_keys = [_group_key(group, settings) for group in options.groups]

    def costs(self, layer: Layer, graph: LayerGraph) -> VariantCosts:
        """Of one layer, arrays of the shape (options,)."""
        key = LayerKey.of(layer, graph)
        found = self._known.get(key)
        if found is None:
            parts = [
                self.group_costs(n, layer, graph, key) for n in range(len(self.options.groups))
            ]
            found = self._known[key] = _scattered(self.options, parts)
        return found

    def absent(self, layer: Layer, graph: LayerGraph) -> list[int]:
        """Groups on which a layer's costs are neither in memory nor in the folder."""
        key = LayerKey.of(layer, graph)
        if key in self._known:
            return []
        files = [(group, self._file(group, key)) for group in range(len(self.options.groups))]
        return [group for group, file in files if file is None or not file.exists()]

    def mark(self, layer: Layer, graph: LayerGraph) -> str:
        """Equal for layers that cost the same."""
        return LayerKey.of(layer, graph).text

    def group_costs(
        self, group: int, layer: Layer, graph: LayerGraph, key: LayerKey | None = None
    ) -> VariantCosts:
        """Of one layer on the options of one group, from the folder where it is there."""
        rates = self.options.groups[group].rates
        if not isinstance(layer, ComputeLayer):
            return streamed_costs(layer, graph, rates)
        file = self._file(group, key or LayerKey.of(layer, graph))
        found = None if file is None else _read(file, len(rates))
        if found is None:
            mappings = catalogue(layer, self.options.groups[group], self.settings).mappings
            found = nest_costs(layer, mappings, rates, self.settings.objective)
            if file is not None and not self.notes:
                self._write(file, found)
        return found

    def _write(self, file: Path, costs: VariantCosts) -> None:
        content = io.BytesIO()
        arrays = {entry.name: getattr(costs, entry.name) for entry in fields(costs)}
        np.savez_compressed(content, **arrays)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, content.getvalue())
        except OSError as error:
            self.notes = (
                f"cost tables {file.parent}: not kept: {error.strerror}; later runs and other "
                "processes compute them anew",
            )

    def _file(self, group: int, key: LayerKey) -> Path | None:
        if self.folder is None:
            return None
        digest = hashlib.sha256(self._group_keys[group] + key.text.encode()).hexdigest()
        return self.folder / f"{digest[:40]}.npz"


def _group_key(group: Group, settings: Settings) -> bytes:
    """What the costs of any layer on a group follow from."""
    digest = hashlib.sha256(mapper_version() + repr((LAYOUT, settings)).encode())
    digest.update(repr(structure(group.rates.sub)).encode())
    for name in group.rates.__dataclass_fields__:
        if name != "sub":
            digest.update(np.ascontiguousarray(getattr(group.rates, name)).tobytes())
    digest.update(repr([m.name for m in group.rates.sub.memories]).encode())
    digest.update(repr(group.rates.sub.template).encode())
    return digest.digest()


def _scattered(options: Options, parts: Sequence[VariantCosts]) -> VariantCosts:
    """Costs of groups, at the places of their options."""
    arrays = []
    for entry in fields(VariantCosts):
        first = getattr(parts[0], entry.name)
        empty = NEVER if entry.name.endswith("cycles") else np.inf
        if first.dtype == np.bool_ or entry.name.startswith(("room", "written")):
            empty = 0
        whole = np.full(len(options.legal), empty, first.dtype)
        for group, part in zip(options.groups, parts, strict=True):
            whole[group.options] = getattr(part, entry.name)
        whole.setflags(write=False)
        arrays.append(whole)
    return VariantCosts(*arrays)


def _read(file: Path, count: int) -> VariantCosts | None:
    """None where there is no such file, or none that can be used."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            found = VariantCosts(*(archive[entry.name] for entry in fields(VariantCosts)))
    except _DAMAGED:
        return None
    return found if all(len(getattr(found, e.name)) == count for e in fields(found)) else None
