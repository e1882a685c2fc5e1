"""The shipped specs, and the numbers that their sources state."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from chiploom.dataflows import load_spec, spec_names
from chiploom.dataflows.accelerator import Memory, SubAccelerator

from .contract import check_accelerator

REQUIRED = {
    "eyeriss", "nvdla-small", "nvdla-large", "shidiannao", "tpu-v1", "gemmini-16x16",
    "zigzag-tpu-like", "zigzag-eyeriss-like",
}  # fmt: skip


def only(name: str) -> SubAccelerator:
    (sub,) = load_spec(name).sub_accelerators
    return sub


def memory(sub: SubAccelerator, name: str) -> Memory:
    return next(memory for memory in sub.memories if memory.name == name)


def test_required_specs_are_there() -> None:
    assert set(spec_names()) >= REQUIRED


@pytest.mark.parametrize("name", spec_names())
def test_contract(name: str) -> None:
    accelerator = load_spec(name)
    check_accelerator(accelerator)
    assert accelerator.name == name
    assert accelerator.description
    assert accelerator.source
    assert load_spec(name) == accelerator


@pytest.mark.parametrize("name", spec_names())
def test_loading_is_fast(name: str) -> None:
    load_spec(name)
    start = time.perf_counter()
    load_spec(name)
    assert time.perf_counter() - start < 0.25  # measured: 2 ms; the machine may be busy


def test_imports_stay_light() -> None:
    code = (
        "import sys; import chiploom.dataflows as d; d.load_spec('eyeriss'); "
        "print([m for m in ('pandas', 'onnx', 'numba', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_eyeriss() -> None:
    accelerator, sub = load_spec("eyeriss"), only("eyeriss")
    assert (accelerator.clock_hz, accelerator.node_nm) == (200e6, 65)
    assert [axis.size for axis in sub.axes] == [12, 14]
    assert sub.pes == 168
    assert sub.parameters["glb"] == "108 KiB"
    sizes = {memory.name: memory.size_bits for memory in sub.memories}
    assert sizes == {
        "input-spad": 12 * 16, "filter-spad": 224 * 16, "psum-spad": 24 * 16,
        "global-buffer": 100 * 8192, "DRAM": None,
    }  # fmt: skip
    assert sub.dram.read_bandwidth == pytest.approx(64 * 60e6 / 200e6)
    assert memory(sub, "filter-spad").area_mm2 > 0
    assert sub.instances(memory(sub, "filter-spad")) == 168


def test_nvdla() -> None:
    small, large = only("nvdla-small"), only("nvdla-large")
    assert (small.pes, large.pes) == (64, 2048)
    assert memory(small, "cbuf").size_bits == 128 * 8192
    assert memory(large, "cbuf").size_bits == 512 * 8192
    assert (small.precision.W, large.precision.psum) == (8, 34)
    assert small.dram.read_bandwidth == 64
    assert large.dram.read_bandwidth == 256


def test_shidiannao() -> None:
    sub = only("shidiannao")
    assert [(axis.size, axis.dims[0]) for axis in sub.axes] == [(8, "OY"), (8, "OX")]
    sizes = [memory(sub, name).size_bits for name in ("nbin", "nbout", "sb")]
    assert sizes == [64 * 8192, 64 * 8192, 128 * 8192]
    assert memory(sub, "fifo").sliding


def test_tpu() -> None:
    accelerator, sub = load_spec("tpu-v1"), only("tpu-v1")
    assert 2 * sub.pes * accelerator.clock_hz == pytest.approx(92e12, rel=0.01)  # 92 TOPS
    assert memory(sub, "scratchpad").operands == ("I", "O")
    assert memory(sub, "accumulator").size_bits == 4096 * 256 * 32
    assert sub.dram.read_bandwidth == pytest.approx(34e9 * 8 / 700e6)
    assert [m.name for m in sub.levels("W")] == ["weight-register", "weight-fifo", "DRAM"]


def test_gemmini() -> None:
    sub = only("gemmini-16x16")
    assert sub.pes == 256
    assert memory(sub, "scratchpad").size_bits == 256 * 8192
    assert memory(sub, "accumulator").size_bits == 64 * 8192
    assert (sub.precision.W, sub.precision.I, sub.precision.psum) == (8, 8, 32)
    assert sub.dram.read_bandwidth == 128


#: operands, bits, instances, read and write pJ per access, bits per access (ZigZag's own table)
ZIGZAG = {
    "zigzag-tpu-like": {
        "rf_128B": ("W", 1024, 1024, 0.095, 0.095, 8),
        "rf_2B": ("O", 16, 1024, 0.021, 0.021, 16),
        "sram_2MB": ("IO", 16777216, 1, 416.16, 378.4, 2048),
        "DRAM": ("WIO", None, 1, 700, 750, 64),
    },
    "zigzag-eyeriss-like": {
        "rf_64B_A": ("I", 512, 168, 1.0, 1.5, 8),
        "rf_64B_W": ("W", 512, 168, 1.0, 1.5, 8),
        "rf_16B": ("O", 128, 168, 1.5, 2.0, 24),
        "sram_8KB": ("O", 65536, 1, 10.0, 15.0, 128),
        "sram_64KB": ("W", 524288, 1, 20, 25, 128),
        "sram_1M": ("IO", 8388608, 1, 100, 130, 384),
        "DRAM": ("WIO", None, 1, 1000, 1000, 64),
    },
}


@pytest.mark.parametrize("name", sorted(ZIGZAG))
def test_zigzag_machines(name: str) -> None:
    sub = only(name)
    assert [memory.name for memory in sub.memories] == list(ZIGZAG[name])
    for level in sub.memories:
        operands, size, instances, read, write, width = ZIGZAG[name][level.name]
        assert "".join(level.operands) == operands
        assert level.size_bits == size
        assert sub.instances(level) == instances
        assert level.read_energy * width == pytest.approx(read)
        assert level.write_energy * width == pytest.approx(write)
        assert (level.transfer_energy, level.leakage_mw, level.area_mm2) == (0, 0, 0)
        if level.size_bits is not None:
            assert level.buffering == "auto"
    assert (sub.precision.W, sub.precision.I, sub.precision.O, sub.precision.psum) == (8, 8, 8, 16)


def test_zigzag_arrays() -> None:
    tpu, eyeriss = only("zigzag-tpu-like"), only("zigzag-eyeriss-like")
    assert [(axis.size, axis.dims) for axis in tpu.axes] == [(32, ("K",)), (32, ("C",))]
    assert [(axis.size, axis.dims) for axis in eyeriss.axes] == [(14, ("K",)), (12, ("C",))]
    assert (tpu.mac_energy, eyeriss.mac_energy) == (0.04, 0.5)
    assert (tpu.skew.cycles, tpu.skew.per, eyeriss.skew.cycles) == (62, "layer", 0)
    assert [m.name for m in eyeriss.memories if m.one_port] == ["sram_8KB", "sram_1M", "DRAM"]


def test_a_spec_from_a_path_equals_the_shipped_one(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "dataflows" / "specs" / "eyeriss.yaml"
    copy = tmp_path / "eyeriss.yaml"
    copy.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_spec(str(copy)) == load_spec(copy) == load_spec("eyeriss")
