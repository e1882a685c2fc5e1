"""Costs of whole layers, counted by hand with round numbers: every constant of the spec shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chiploom.dataflows.accelerator import Accelerator
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec
from chiploom.frontend.graph import (
    ComputeLayer,
    FusedWork,
    LayerGraph,
    MoveLayer,
    Tensor,
    VectorLayer,
    VectorWork,
)
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator import simulate
from chiploom.simulator.result import LayerResult

#: One PE; everything that leaks, 0.6 mW at 1 GHz, leaks 0.6 pJ a cycle.
SPEC = """
clock: 1 GHz
dram: {bandwidth: 32 bit/cycle, read_energy: 10 pJ/bit, write_energy: 20 pJ/bit}
sub_accelerators:
  - name: one
    axes: [{name: row, size: 1, dims: [C]}]
    memories:
      - {name: buffer, operands: [W, I, O], size: 64 KiB, shared: all, read_energy: 1 pJ/bit,
         write_energy: 2 pJ/bit, area: 1 mm2, leakage: 0.3 mW}
    precision: {W: 8 bit, I: 8 bit, O: 8 bit, psum: 24 bit}
    mac: {energy: 7 pJ, area: 1 mm2, leakage: 0.1 mW}
    vector: {lanes: 4, special_cycles: 5, simple_energy: 3 pJ, special_energy: 11 pJ, area: 1 mm2,
             leakage: 0.2 mW}
"""
SIZE = 8 * 6 * 6


@pytest.fixture(scope="module")
def accelerator() -> Accelerator:
    return parse_spec(parse_document(SPEC, "hand.yaml"), "hand")


def alone(
    accelerator: Accelerator, layer: ComputeLayer | VectorLayer | MoveLayer, bits: int = 8
) -> LayerResult:
    """A layer from x to y, both of SIZE elements."""
    tensors = {name: Tensor(name, (1, 8, 6, 6), bits) for name in "xy"}
    graph = LayerGraph("g", (layer,), tensors, ("x",), ("y",), modelled_elements=SIZE)
    (found,) = simulate(graph, accelerator).layers
    return found


def softmax(simple: int, special: int, bits: int = 8) -> VectorLayer:
    work = VectorWork("Softmax", simple, special)
    return VectorLayer("soft", "Softmax", work, SIZE * bits, SIZE * bits, ("x",), "y")


def test_vector_work_takes_its_slots(accelerator: Accelerator) -> None:
    """(1,152 + 5 x 288) / 4 = 648 cycles, longer than the DRAM's 2 x 2,304 / 32 = 144."""
    found = alone(accelerator, softmax(4 * SIZE, SIZE))
    assert (found.cycles, found.bound) == (648, "vector")
    assert found.energy_by_component["vector"] == 1152 * 3 + 288 * 11
    assert found.energy_by_component["leakage"] == pytest.approx(0.6 * 648)


def test_what_streams_takes_turns_at_the_drams_one_port(accelerator: Accelerator) -> None:
    """4,608 bits by 32 bits a cycle; in and out of the buffer on the way, each way."""
    found = alone(accelerator, MoveLayer("m", "Transpose", SIZE * 8, SIZE * 8, ("x",), "y"))
    assert (found.cycles, found.bound, found.dram_bytes) == (144, "memory:DRAM", 2 * SIZE)
    assert found.energy_by_component == {
        "DRAM.I.read": 2304 * 10,
        "DRAM.O.write": 2304 * 20,
        "buffer.I.write": 2304 * 2,
        "buffer.I.read": 2304,
        "buffer.O.write": 2304 * 2,
        "buffer.O.read": 2304,
        "leakage": pytest.approx(0.6 * 144),
    }


def test_what_streams_is_as_wide_as_the_datapath(accelerator: Accelerator) -> None:
    """fp32 in the network, 8 bit on the chip."""
    found = alone(accelerator, softmax(SIZE, 0, bits=32), bits=32)
    assert (found.cycles, found.dram_bytes) == (144, 2 * SIZE)


def convolution(*fused: FusedWork) -> ComputeLayer:
    """1 x 1, 8 channels to 8: 2,304 multiply-accumulates on one PE."""
    nest = LoopNest((1, 1, 8, 8, 6, 6, 1, 1), input_size=(6, 6))
    return ComputeLayer("c", "Conv", nest, OperandBits(8, 8, 8), ("x",), "y", fused=fused)


def test_a_loop_nest_with_everything_on_chip(accelerator: Accelerator) -> None:
    """2,304 cycles of compute; before it all of W comes in (512 / 32 = 16 cycles) and the 8
    channels of the first pixel (64 / 32 = 2), after it the last output leaves (8 / 32)."""
    found = alone(accelerator, convolution())
    energy = found.energy_by_component
    assert energy["mac"] == 2304 * 7
    assert energy["DRAM.W.read"] == 512 * 10
    assert energy["DRAM.I.read"] == 2304 * 10
    assert energy["DRAM.O.write"] == 2304 * 20
    assert energy["buffer.I.read"] == 2304 * 8
    assert energy["leakage"] == pytest.approx(0.6 * found.cycles)
    assert found.cycles == 2304 + 16 + 2 + 1


def test_fused_work_hides_until_it_is_longer(accelerator: Accelerator) -> None:
    """2,304 simple operations are done 4 at a time beside the loop nest; 2,304 special ones take
    2,880 cycles, more than the nest."""
    plain = alone(accelerator, convolution())
    hidden = alone(accelerator, convolution(FusedWork(VectorWork("Relu", 2304, 0))))
    assert (hidden.cycles, hidden.bound) == (plain.cycles, plain.bound)
    longer = alone(accelerator, convolution(FusedWork(VectorWork("Sigmoid", 0, 2304))))
    assert (longer.cycles, longer.bound) == (2880, "vector")
    assert longer.energy_by_component["vector"] == 2304 * 11


def test_operands_of_fused_work_share_the_drams_port(accelerator: Accelerator) -> None:
    """An addition that reads 100,000 bits: (2,304 + 512 + 2,304 + 100,000) / 32 = 3,285 cycles."""
    found = alone(accelerator, convolution(FusedWork(VectorWork("Add", 288, 0), 100_000)))
    assert (found.cycles, found.bound) == (3285, "memory:DRAM")
    assert found.energy_by_component["DRAM.I.read"] == (2304 + 100_000) * 10


def test_partial_sums_that_leave_are_as_wide_as_stated(accelerator: Accelerator) -> None:
    """The only on-chip memory feeds the PE: every partial sum in it is 24 bits wide."""
    found = alone(accelerator, convolution())
    assert found.traffic["buffer.O.write"] == 2304 * 24
    (sub,) = accelerator.sub_accelerators
    narrow = replace(sub, precision=replace(sub.precision, psum=8))
    found = alone(replace(accelerator, sub_accelerators=(narrow,)), convolution())
    assert found.traffic["buffer.O.write"] == 2304 * 8


@pytest.mark.parametrize(("per", "fills"), [("layer", 1), ("fold", 64)])
def test_the_array_fills_for_every_fold(per: str, fills: int) -> None:
    """A register for one weight: 64 weights take turns in it, each for all 36 pixels."""
    register = (
        "memories:\n      - {name: reg, operands: [W], size: 8 bit, shared: none, energy: 0 pJ/bit,"
        " buffering: single, area: 0 mm2, leakage: 0 mW}"
    )
    text = SPEC.replace("memories:", register)

    def cycles(skew: int) -> int:
        stated = f"skew: {{cycles: {skew}, per: {per}, operand: W}}\n    precision:"
        document = parse_document(text.replace("precision:", stated), "hand.yaml")
        return alone(parse_spec(document, "hand"), convolution()).cycles

    assert cycles(6) - cycles(1) == 5 * fills
