"""What a network costs on an accelerator that does not exist yet.

    import chiploom

    graph = chiploom.load_onnx("network.onnx")
    result = chiploom.simulate(graph, chiploom.load_spec("eyeriss"))
    print(result.cycles, result.energy_pj)

The names below are loaded when they are first used: `import chiploom` alone costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dataflows import load_spec
    from .dataflows.accelerator import Accelerator
    from .frontend import load_onnx
    from .frontend.errors import InputError
    from .frontend.graph import LayerGraph
    from .reports.write import write_report
    from .search.run import co_search
    from .search.study import Study, open_study
    from .simulator.result import Result
    from .simulator.simulate import simulate

    __version__: str

__all__ = [
    "Accelerator",
    "InputError",
    "LayerGraph",
    "Result",
    "Study",
    "__version__",
    "co_search",
    "load_onnx",
    "load_spec",
    "open_study",
    "simulate",
    "write_report",
]

_HOMES = {
    "Accelerator": "dataflows.accelerator",
    "InputError": "frontend.errors",
    "LayerGraph": "frontend.graph",
    "Result": "simulator.result",
    "Study": "search.study",
    "co_search": "search.run",
    "load_onnx": "frontend",
    "load_spec": "dataflows",
    "open_study": "search.study",
    "simulate": "simulator.simulate",
    "write_report": "reports.write",
}


def __getattr__(name: str) -> Any:
    """Load a public name from the part that it lives in, once."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("chiploom")
    elif name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
