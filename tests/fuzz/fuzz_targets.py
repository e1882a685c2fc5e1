"""What is fuzzed: for each kind of input how one is made, and all that may be done with it.

A target raises nothing but what `HONEST` lists: those are the answers a user gets as one message.
"""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import fuzz_models
import fuzz_texts
import fuzz_values as values

from chiploom import cli
from chiploom.dataflows import load_spec
from chiploom.dataflows.accelerator import Accelerator
from chiploom.dataflows.device import read_device
from chiploom.dataflows.template import load_template
from chiploom.frontend import InputError, load_onnx
from chiploom.frontend.graph import LayerGraph
from chiploom.frontend.onnx_import import import_model
from chiploom.frontend.passes.read import parse_model
from chiploom.reports import library
from chiploom.reports.build import document_of
from chiploom.reports.write import report_bytes
from chiploom.search.run import co_search
from chiploom.search.study import open_study
from chiploom.search.study_file import load_study
from chiploom.simulator.cache import MappingCache
from chiploom.simulator.errors import (
    DoesNotFitError,
    InfeasibleError,
    NoMappingError,
    OutOfTimeError,
)
from chiploom.simulator.fit import on_device
from chiploom.simulator.reader import read_result
from chiploom.simulator.simulate import simulate

HONEST: Final = (InputError, NoMappingError, DoesNotFitError, InfeasibleError, OutOfTimeError)

#: Characters of the longest message, all its lines together.
LONGEST: Final = 10_000
#: Layers of the largest network that is simulated.
_MOST_LAYERS: Final = 60
_SPECS: Final = ("eyeriss", "nvdla-small", "gemmini-16x16", "nasaic-w1", "dpu-b4096", "fpga-mobile")


class Broken(Exception):
    """A promise that was not kept, though nothing was raised."""


@dataclass(frozen=True)
class Target:
    """One kind of input.

    Attributes:
        suffix: of its files.
        make: the content of a file; it may write further ones into the folder.
        use: does with the file what a user can do.
    """

    suffix: str
    make: Callable[[random.Random, Path], bytes]
    use: Callable[[Path, random.Random], None]


def expect_message(error: Exception) -> None:
    """The message of an honest refusal is there, and short."""
    text = str(error)
    if not text.strip() or len(text) > LONGEST:
        raise Broken(f"a message of {len(text)} characters: {text[:300]!r}")


def command_line(*arguments: str) -> None:
    """Run a command: its exit code is one of ours and nothing in its output moves a cursor."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(arguments)
    if code not in (0, 1, 2) or (code and err.getvalue().count("chiploom: ") < 1):
        raise Broken(f"exit code {code}: {err.getvalue()[:300]!r}")
    for stream in (out, err):
        for char in stream.getvalue():
            if not (char.isprintable() or char == "\n"):
                raise Broken(f"{char!r} goes to the terminal")


# -- networks ------------------------------------------------------------------------------------
@lru_cache(maxsize=8)
def _accelerator(name: str) -> Accelerator:
    return load_spec(name)


@lru_cache(maxsize=1)
def _network() -> LayerGraph:
    """A small one."""
    return load_onnx("lstm", bits=8)


def _simulated(graph: LayerGraph, accelerator: Accelerator, draw: random.Random) -> None:
    """Simulate, write the result, read it back and report on it."""
    result = simulate(
        graph,
        accelerator,
        objective=draw.choice(("latency", "energy", "edp")),
        fidelity=draw.choice(("analytic", "analytic", "analytic", "roofline", "cycle")),
        effort="fast",
        seconds=1.0,
        cache=MappingCache(),
    )
    text = result.json_text()
    if draw.random() < 0.3:
        import json

        from chiploom.simulator.reader import result_from_json

        again = result_from_json(json.loads(text))
        report_bytes(document_of([again]), draw.choice(("md", "json", "csv")))


def _use_model(path: Path, draw: random.Random) -> None:
    if draw.random() < 0.15:
        command_line("inspect", str(path))
        return
    bits = draw.choice((None, None, 8, 3))
    graph = import_model(parse_model(path.read_bytes()), bits=bits, strict=draw.random() < 0.02)
    if not 0 <= graph.coverage <= 1 or graph.macs < 0:
        raise Broken(f"coverage {graph.coverage}, {graph.macs} MACs")
    if len(graph) <= _MOST_LAYERS and draw.random() < 0.3:
        _simulated(graph, _accelerator(draw.choice(_SPECS)), draw)


# -- accelerators --------------------------------------------------------------------------------
def _use_spec(path: Path, draw: random.Random) -> None:
    if draw.random() < 0.1:
        command_line("dataflows", str(path))
    accelerator = load_spec(path)
    if draw.random() < 0.3:
        _simulated(_network(), accelerator, draw)


_ON_TEMPLATE: Final = """
technology: {{node: 28 nm}}
clock: 1 GHz
dram: {{type: LPDDR4, bandwidth: 10 GB/s}}
sub_accelerators:
  - {{name: a, template: {path}}}
"""


def _use_template(path: Path, draw: random.Random) -> None:
    if draw.random() < 0.2:
        command_line("dataflows", str(path))
    load_template(str(path))
    library.explained_json(*library.explained(str(path)))
    if draw.random() < 0.3:
        on_device(str(path), "zu9eg", {})
        return
    spec = path.with_name("on-template.yaml")
    spec.write_text(_ON_TEMPLATE.format(path=path.name))
    accelerator = load_spec(spec)
    if draw.random() < 0.3:
        _simulated(_network(), accelerator, draw)


def _use_device(path: Path, draw: random.Random) -> None:
    read_device(str(path))
    accelerator = on_device(draw.choice(("fpga-tiled", "fpga-winograd")), str(path), {})
    if draw.random() < 0.2:
        _simulated(_network(), accelerator, draw)


def _use_study(path: Path, draw: random.Random) -> None:
    load_study(path)


# -- results -------------------------------------------------------------------------------------
@lru_cache(maxsize=1)
def _results() -> tuple[dict[str, Any], ...]:
    """Documents of results to start from: plain, scheduled, on an FPGA."""
    graph = load_onnx("gru", bits=8)
    specs = ("eyeriss", "nasaic-w1", "fpga-mobile")
    return tuple(
        simulate(graph, load_spec(name), effort="fast", seconds=1.0).to_json() for name in specs
    )


def _use_result(path: Path, draw: random.Random) -> None:
    if draw.random() < 0.05:
        command_line("report", str(path), "-o", str(path.with_suffix(".html")))
        return
    document = document_of([read_result(path)])
    for form in ("md", "json", "csv"):
        report_bytes(document, form)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def _study(folder: Path) -> Path:
    """A database to start from."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "search"))
    import tiny_study

    file = tiny_study.write(folder, name="base")
    path = folder / "base.db"
    co_search(file, db=path, trials=2).close()
    return path


def _make_database(draw: random.Random, folder: Path) -> bytes:
    """The trials; the designs lie beside them. One of the two is changed."""
    keep = folder.parent / "base"
    keep.mkdir(exist_ok=True)
    base = _study(keep)
    trials, designs = folder / "input.db", folder / "input.designs.db"
    for source, target in ((base, trials), (base.with_suffix(".designs.db"), designs)):
        with sqlite3.connect(source) as held, sqlite3.connect(target) as copy:
            held.backup(copy)
        copy.close()
    changed = draw.choice((trials, designs, designs))
    if draw.random() < 0.15:
        changed.write_bytes(values.damaged(changed.read_bytes(), draw))
    else:
        _change_cell(changed, draw)
    return trials.read_bytes()


def _change_cell(path: Path, draw: random.Random) -> None:
    """Another value in a cell, of any type or, where it holds JSON or a study, almost right."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = [name for (name,) in found]
        for _ in range(draw.choice((1, 1, 3))):
            table = draw.choice(tables)
            columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
            rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()
            if not rows:
                continue
            row, place = draw.choice(rows), draw.randrange(len(columns))
            change = f'UPDATE "{table}" SET "{columns[place]}" = ? WHERE "{columns[0]}" = ?'
            with contextlib.suppress(sqlite3.Error, UnicodeError):
                connection.execute(change, (_cell(row[place], draw), row[0]))


def _cell(held: object, draw: random.Random) -> object:
    if isinstance(held, str) and draw.random() < 0.8:
        if held[:1] in ("[", "{"):
            return fuzz_texts.changed_json(held, draw)
        if "networks:" in held:
            return held.replace(draw.choice(held.split()), values.text(draw), 1)
    return draw.choice(
        (None, values.integer(draw), values.real(draw), values.text(draw), b"\xff\x00")
    )


def _use_database(path: Path, draw: random.Random) -> None:
    with open_study(path) as study:
        report_bytes(document_of([study], schedules=draw.choice((0, 0, 1))), "md")


def _yaml(kind: str) -> Callable[[random.Random, Path], bytes]:
    return lambda draw, folder: fuzz_texts.yaml_file(kind, draw)


TARGETS: Final[dict[str, Target]] = {
    "onnx": Target(".onnx", lambda draw, folder: fuzz_models.model(draw), _use_model),
    "spec": Target(".yaml", _yaml("spec"), _use_spec),
    "template": Target(".yaml", _yaml("template"), _use_template),
    "device": Target(".yaml", _yaml("device"), _use_device),
    "study": Target(".yaml", _yaml("study"), _use_study),
    "result": Target(
        ".json",
        lambda draw, folder: fuzz_texts.json_file(draw.choice(_results()), draw),
        _use_result,
    ),
    "database": Target(".db", _make_database, _use_database),
}


def warm_up(kind: str, folder: Path) -> None:
    """What all cases of a kind share is made, so that none of them takes the time for it."""
    if kind == "result":
        _results()
    elif kind == "database":
        _make_database(random.Random(0), folder)
    elif kind == "onnx":
        fuzz_models.corpus()
        fuzz_models.operators()
    for name in _SPECS:
        _accelerator(name)
    import_module("ortools.sat.python.cp_model")  # which simulations import when they first need it


def run(kind: str, seed: int, case: int, folder: Path) -> Path:
    """One case in a folder of its own, made from its seed and number alone; its file.

    Raises:
        Exception: whatever is not honest.
    """
    target = TARGETS[kind]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    draw = random.Random(f"{kind} {seed} {case}")
    path = folder / f"input{target.suffix}"
    path.write_bytes(target.make(draw, folder))
    try:
        target.use(path, draw)
    except HONEST as error:
        expect_message(error)
    return path
