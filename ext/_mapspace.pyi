from typing import Any

import numpy as np
import numpy.typing as npt

_Integers = npt.NDArray[np.int64]
_Reals = npt.NDArray[np.float64]

class Kernel:
    def __init__(self, integers: _Integers, reals: _Reals) -> None: ...
    def evaluate(
        self, spatial: _Integers, loops: _Integers, bounds: _Integers, doubled: _Integers
    ) -> tuple[int, float, int, int, int, int, float, _Integers, _Integers]: ...
    def floors(self, spatials: list[_Integers]) -> _Reals: ...
    def bounds(
        self, floors: _Reals, objective: int, macs_energy: float
    ) -> tuple[_Reals, _Reals]: ...
    def look(self, spatial: _Integers, sizes: list[_Integers], objective: int) -> float: ...
    def best_temporal(
        self,
        spatial: _Integers,
        sizes: list[_Integers],
        objective: int,
        macs_energy: float,
        known: float,
        least_energy: float,
        least_cycles: float,
        share: _Reals,
        rounds: int,
        nodes: int,
    ) -> tuple[float, float, Any, Any, Any, int, int]: ...
