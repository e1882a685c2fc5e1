"""Search spaces: networks with free choices."""

from __future__ import annotations

import difflib
from typing import Any, Final

from ...frontend.errors import InputError
from .llama import Llama
from .mnasnet import MnasNet
from .mobilenetv3 import MobileNetV3
from .nasbench201 import NASBench201
from .nasbench_macro import NASBenchMacro
from .resnet9 import ResNet9
from .space import INACTIVE, Choice, ChoiceError, Parameter, Space, Value, WrittenSpace
from .transformer import Transformer
from .unet import UNet

SPACES: Final[dict[str, type[WrittenSpace]]] = {
    space.name: space
    for space in (
        ResNet9,
        UNet,
        MobileNetV3,
        MnasNet,
        NASBench201,
        NASBenchMacro,
        Transformer,
        Llama,
    )
}

__all__ = [
    "INACTIVE",
    "SPACES",
    "Choice",
    "ChoiceError",
    "Llama",
    "MnasNet",
    "MobileNetV3",
    "NASBench201",
    "NASBenchMacro",
    "Parameter",
    "ResNet9",
    "Space",
    "Transformer",
    "UNet",
    "Value",
    "WrittenSpace",
    "load_space",
]


def load_space(name: str, **options: Any) -> Space:
    """A built-in space by its name; options as of its class.

    Raises:
        InputError: no space has this name, or it has no such option.
    """
    if name not in SPACES:
        near = difflib.get_close_matches(name, SPACES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"no search space is named {name!r}: expected one of {', '.join(SPACES)}{hint}"
        )
    try:
        return SPACES[name](**options)
    except TypeError as error:
        raise InputError(f"space {name}: options {options}: {error}") from error
