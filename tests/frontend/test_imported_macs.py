"""Multiply-accumulates of whole imported networks, against the independent counter."""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import pytest

from chiploom.frontend import load_onnx, zoo

sys.path.insert(0, str(Path(__file__).parent))
from mac_counter import count_macs

LIGHT = sorted((Path(onnx.__file__).parent / "backend/test/data/light").glob("*.onnx"))


@pytest.mark.parametrize("name", zoo.names())
def test_zoo(name: str) -> None:
    graph = load_onnx(zoo.path(name))
    assert graph.macs == count_macs(zoo.path(name))
    assert graph.not_modelled == ()
    assert graph.coverage == 1.0


@pytest.mark.parametrize("file", LIGHT, ids=lambda file: file.stem)
def test_networks_of_the_onnx_package(file: Path) -> None:
    assert len(LIGHT) == 9
    assert load_onnx(file).macs == count_macs(file)


@pytest.mark.parametrize(
    "name", ["stream_attention_head", "stream_resnet18", "yunet_s_320_qdq_int8"]
)
def test_shared_models(shared: Path, name: str) -> None:
    file = shared / "models" / f"{name}.onnx"
    assert load_onnx(file).macs == count_macs(file)
