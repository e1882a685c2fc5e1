import numpy as np
import numpy.typing as npt

_Integers = npt.NDArray[np.int64]
_Reals = npt.NDArray[np.float64]
_Bytes = npt.NDArray[np.uint8]

class Placer:
    tasks: int
    machines: int
    def __init__(
        self,
        duration: _Integers,
        stay_duration: _Integers,
        share: _Integers,
        stay_share: _Integers,
        energy: _Reals,
        stay_energy: _Reals,
        fits: _Bytes,
        feeder: _Integers,
        needs_from: _Integers,
        needs: _Integers,
        feeds_from: _Integers,
        feeds: _Integers,
        release: _Integers,
        due: _Integers,
        priority: _Integers,
        topological: _Integers,
        leakage: float,
    ) -> None: ...
    def ranks(self, weight: _Reals, base: _Reals) -> _Reals: ...
    def outlook(self) -> _Reals: ...
    def thrift(self) -> tuple[float, _Integers, _Bytes]: ...
    def arrange(self, rank: _Reals, joined: _Bytes) -> _Integers | None: ...
    def place(
        self,
        order: _Integers,
        fixed: _Integers,
        bias: _Reals,
        per_cycle: float,
        per_joule: float,
    ) -> tuple[_Integers, _Integers]: ...
    def sequence(
        self, order: _Integers, machine: _Integers
    ) -> tuple[_Integers, int, float, int]: ...
    def improve(
        self,
        order: _Integers,
        machine: _Integers,
        goal: int,
        penalty: float,
        hot: float,
        cold: float,
        evaluations: int,
        seed: int,
    ) -> tuple[_Integers, _Integers]: ...
