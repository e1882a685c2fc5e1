"""What the command line says of networks that run together."""

from __future__ import annotations

import pytest

from chiploom.frontend import load_onnx
from chiploom.frontend.errors import InputError
from chiploom.works import works_of

GRAPHS = [load_onnx("resnet9"), load_onnx("lstm")]


def test_options_name_their_network() -> None:
    first, second = works_of(GRAPHS, ["resnet9=3"], ["resnet9=1e6"], ["lstm=5000"], ["lstm=-2"])
    assert (first.frames, first.period, first.priority, first.deadline) == (3, 1_000_000, 0, None)
    assert (second.frames, second.period, second.priority, second.deadline) == (1, 0, -2, 5000)


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("frames", "vgg=2", "one of resnet9, lstm"),
        ("frames", "2", "one of resnet9, lstm"),
        ("frames", "resnet9=0", "at least 1"),
        ("frames", "resnet9=two", "a whole number"),
        ("frames", "resnet9=1.5", "a whole number"),
        ("period", "resnet9=10", "add --frames resnet9=N"),
        ("deadline", "lstm=0", "at least 1"),
        ("deadline", "lstm=nan", "a whole number"),
        ("deadline", "lstm=inf", "a whole number"),
    ],
)
def test_what_is_wrong_is_named(option: str, text: str, words: str) -> None:
    given = {"frames": None, "period": None, "deadline": None, "priority": None, option: [text]}
    with pytest.raises(InputError, match=words):
        works_of(GRAPHS, **given)  # type: ignore[arg-type]


def test_a_network_has_one_number() -> None:
    with pytest.raises(InputError, match="has 2 already"):
        works_of(GRAPHS, ["lstm=2", "lstm=3"], None, None, None)
