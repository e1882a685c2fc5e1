import numpy as np
import numpy.typing as npt

_Integers = npt.NDArray[np.int64]
_Reals = npt.NDArray[np.float64]

class Machine:
    def __init__(self, integers: _Integers, reals: _Reals, tables: _Integers) -> None: ...
    def run(self, skipping: bool) -> tuple[int, int, list[int], int, int]: ...
