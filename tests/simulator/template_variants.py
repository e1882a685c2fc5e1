"""Variants of the shipped templates: several arrays, buffers and bandwidths of one structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from chiploom.dataflows.accelerator import Accelerator, SubAccelerator
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec
from chiploom.simulator import MappingCache
from chiploom.simulator.cost import evaluate
from chiploom.simulator.mapper import Mapped
from chiploom.simulator.mapping import Mapping, check
from chiploom.simulator.problem import Problem

Parameters = dict[str, int | str]

_EIGHT: Parameters = {"weight_bits": "8 bit", "input_bits": "8 bit", "output_bits": "8 bit"}

#: Of each template, lists of parameters with which a mapping counts alike.
FAMILIES: dict[str, list[list[Parameters]]] = {
    "nvdla": [
        [
            {"atomic_c": 4, "atomic_k": 4, "cbuf": "2 KiB"},
            {"atomic_c": 8, "atomic_k": 2, "cbuf": "1 KiB", "stripe": 8},
            {"atomic_c": 16, "atomic_k": 8, "cbuf": "64 KiB", "vector_lanes": 3},
            {"atomic_c": 3, "atomic_k": 5, "cbuf": "8 KiB", "cbuf_bandwidth": "24 bit/cycle"},
        ]
    ],
    "shidiannao": [
        [
            {**_EIGHT, "rows": 4, "columns": 4, "nbin": "1 KiB", "nbout": "1 KiB", "sb": "1 KiB"},
            {**_EIGHT, "rows": 2, "columns": 6, "nbin": "8 KiB", "nbout": "2 KiB", "sb": "4 KiB"},
            {**_EIGHT, "rows": 8, "columns": 8, "sb_bandwidth": "8 bit/cycle"},
            {**_EIGHT, "rows": 3, "columns": 5, "fifo_words": 4, "vector_lanes": 2},
        ]
    ],
    "row-stationary": [
        [
            {**_EIGHT, "rows": 4, "columns": 4, "glb": "1 KiB", "glb_bandwidth": "16 bit/cycle"},
            {**_EIGHT, "rows": 3, "columns": 7, "glb": "4 KiB", "vector_lanes": 4},
            {**_EIGHT, "rows": 12, "columns": 14, "psum_words": 8},
            {**_EIGHT, "rows": 6, "columns": 2, "glb": "32 KiB", "filter_words": 16},
        ]
    ],
    "systolic-ws": [
        [
            {"rows": 4, "columns": 4, "accumulator": "1 KiB", "scratchpad": "2 KiB"},
            {"rows": 8, "columns": 3, "accumulator": "4 KiB", "scratchpad": "1 KiB"},
            {"rows": 16, "columns": 16, "fill_bandwidth": "16 bit/cycle"},
        ],
        [
            {"weight_registers": 2, "buffering": "auto", "scratchpad_holds": "W I O", **sizes}
            for sizes in cast(
                "list[Parameters]",
                [
                    {"rows": 4, "columns": 4, "scratchpad": "2 KiB"},
                    {"rows": 2, "columns": 9, "scratchpad": "8 KiB", "accumulator": "1 KiB"},
                    {"rows": 8, "columns": 8, "scratchpad_bandwidth": "8 bit/cycle"},
                ],
            )
        ],
        [
            {"buffering": "single", "weight_fifo": "1 KiB", "rows": 4, "columns": 6},
            {"buffering": "single", "weight_fifo": "4 KiB", "rows": 6, "columns": 4},
        ],
    ],
    "systolic-is": [
        [
            {"rows": 4, "columns": 4, "accumulator": "1 KiB", "scratchpad": "2 KiB"},
            {"rows": 8, "columns": 3, "accumulator": "4 KiB", "scratchpad": "1 KiB"},
        ],
        [
            {"input_registers": 2, "buffering": "auto", "rows": 4, "columns": 4},
            {"input_registers": 2, "buffering": "auto", "rows": 2, "columns": 8},
        ],
    ],
    "systolic-os": [
        [
            {"buffering": "auto", "rows": 4, "columns": 4, "scratchpad": "2 KiB"},
            {"buffering": "auto", "rows": 8, "columns": 3, "scratchpad": "1 KiB"},
            {"buffering": "auto", "rows": 16, "columns": 16},
        ],
        [
            {"buffering": "single", "rows": 4, "columns": 4},
            {"buffering": "single", "rows": 3, "columns": 6},
        ],
    ],
    "fpga-tiled": [
        [
            {"number": "int", **_EIGHT, "tm": 4, "tn": 4, "tr": 4, "tc": 4},
            {"number": "int", **_EIGHT, "tm": 8, "tn": 3, "kernel": 3, "stride": 1},
            {"number": "int", **_EIGHT, "tm": 16, "tn": 7},
        ]
    ],
    "fpga-winograd": [
        [
            {"tile": 2, "tm": 4, "tn": 4, "tr": 4, "tc": 4},
            {"tile": 4, "tm": 8, "tn": 3, "kernel": 3, "stride": 1},
            {"tile": 4, "tm": 16, "tn": 7},
        ]
    ],
    "fpga-depthwise": [
        [
            {"channels": 4, "columns": 2, "tr": 4, "tc": 4},
            {"channels": 8, "columns": 1, "kernel": 3},
            {"channels": 3, "columns": 4},
        ],
    ],
    "fpga-pipeline": [
        [
            {"cpf": 4, "kpf": 4, "channels": 8, "width": 8, "columns": 8},
            {"cpf": 2, "kpf": 8, "rows": 4, "kernel": 3},
            {"cpf": 16, "kpf": 2},
        ]
    ],
}

BANDWIDTHS = ("4 bit/cycle", "64 bit/cycle")


def chip(template: str, parameters: Parameters, bandwidth: str = "64 bit/cycle") -> Accelerator:
    """An accelerator of one array with a part of the DRAM's bandwidth."""
    chosen = ", ".join(f"{key}: {value}" for key, value in parameters.items())
    text = (
        "technology: {node: 28 nm}\nclock: 1 GHz\n"
        "dram: {bandwidth: 256 bit/cycle, type: LPDDR4}\nsub_accelerators:\n"
        f"  - {{name: a, template: {template}, dram_bandwidth: {bandwidth}, "
        f"parameters: {{{chosen}}}}}\n"
    )
    return parse_spec(parse_document(text, "test.yaml"), "test")


def family(template: str, number: int, bandwidths: Sequence[str] = BANDWIDTHS) -> list[Accelerator]:
    """All variants of a family with each part of the DRAM's bandwidth."""
    return [
        chip(template, parameters, bandwidth)
        for parameters in FAMILIES[template][number]
        for bandwidth in bandwidths
    ]


def families() -> list[tuple[str, int]]:
    """Of all templates."""
    return [(template, n) for template, found in FAMILIES.items() for n in range(len(found))]


def is_legal(problem: Problem, mapping: Mapping) -> bool:
    """By the simulator's own checks."""
    sub: SubAccelerator = problem.sub
    return not check(mapping, problem.nest, sub) and evaluate(problem, mapping).overflow is None


@dataclass
class Given:
    """Answers with one mapping, whatever is asked."""

    mapping: Mapping

    def map(self, problem: Problem, *_: Any) -> Mapped:
        return Mapped(self.mapping, evaluate(problem, self.mapping), 0.0, 0.0, False)

    @property
    def cache(self) -> MappingCache:
        """In place of a cache."""
        return cast(MappingCache, self)
