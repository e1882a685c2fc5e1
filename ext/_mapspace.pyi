from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_Integers = npt.NDArray[np.int64]
_Reals = npt.NDArray[np.float64]

class Kernel:
    def __init__(self, integers: _Integers, reals: _Reals) -> None: ...
    def evaluate(
        self, spatial: _Integers, loops: _Integers, bounds: _Integers
    ) -> tuple[int, float, int, int, int, int, float, _Integers, _Integers]: ...
    def best_temporal(
        self,
        spatial: _Integers,
        sizes: list[_Integers],
        weightings: Sequence[tuple[_Reals, _Reals, _Reals]],
        nodes: int,
    ) -> list[tuple[Any, Any, float, bool]]: ...
