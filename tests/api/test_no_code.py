"""Nothing that is read is ever run: what could run code is only where it is said to be."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chiploom.search.run import co_search

from ..search import tiny_study

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ("api", "frontend", "dataflows", "simulator", "search", "reports", "ext")

#: Calls that run code or unpickle, and modules made for it.
CALLS = {"eval", "exec", "compile", "__import__", "import_module", "execfile", "breakpoint"}
MODULES = {
    "pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "subprocess",
    "runpy", "code", "imp", "importlib",
}  # fmt: skip
METHODS = {"system", "popen", "execv", "execve", "spawnv", "fork", "startfile", "read_pickle"}

#: Where one of them is, and why nothing from a file that is read gets there.
ALLOWED = {
    ("api/__init__.py", "import_module"): "names of our own, from a table",
    ("api/__init__.py", "importlib"): "the same",
    ("frontend/operators/__init__.py", "import_module"): "the modules of its folder",
    ("frontend/operators/__init__.py", "importlib"): "the same",
    ("frontend/zoo/build.py", "import_module"): "builders by the catalogue, run by us",
    ("frontend/zoo/build.py", "importlib"): "the same",
    ("dataflows/technology/external.py", "import_module"): "the one package hwcomponents",
    ("dataflows/technology/external.py", "importlib"): "the same",
    ("dataflows/template.py", "importlib"): "resources: files of the package",
    ("simulator/result.py", "import_module"): "the notebook view, a constant name",
    ("simulator/result.py", "importlib"): "the same",
    ("simulator/validation/suites.py", "import_module"): "suites, from a table",
    ("simulator/validation/suites.py", "importlib"): "the same",
    ("simulator/validation/tables.py", "importlib"): "resources: files of the package",
    ("dataflows/technology/interpolation.py", "importlib"): "resources: files of the package",
    ("search/study.py", "import_module"): "the notebook view, a constant name",
    ("search/study.py", "importlib"): "the same",
    ("search/study_accuracy.py", "importlib"): "resources: files of the package",
    ("reports/html/page.py", "importlib"): "resources: files of the package",
    ("reports/pages/study.py", "importlib"): "metadata: the version",
    ("api/commands/completion.py", "importlib"): "our own library, once something is completed",
    ("search/compiled.py", "pickle"): "its errors: Numba reads the code that it compiled itself",
    ("search/evaluators/command.py", "subprocess"): "the program of a study that the user searches",
}


def risky(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
            yield from (name for name in names if name in MODULES)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            name = (node.module or "").split(".")[0]
            if name in MODULES:
                yield name
        elif isinstance(node, ast.Call):
            function = node.func
            name = function.id if isinstance(function, ast.Name) else ""
            name = function.attr if isinstance(function, ast.Attribute) else name
            base = function.value if isinstance(function, ast.Attribute) else None
            is_regular = isinstance(base, ast.Name) and base.id == "re"  # re.compile
            if (name in CALLS and not is_regular) or name in METHODS:
                yield name
            yield from _loaders(node, name, base)


def _loaders(node: ast.Call, name: str, base: ast.expr | None) -> Iterator[str]:
    """Loaders that are safe only if they are asked to be."""
    module = base.id if isinstance(base, ast.Name) else ""
    options = {keyword.arg: keyword.value for keyword in node.keywords}
    if module in ("np", "numpy") and name == "load":
        allowed = options.get("allow_pickle")
        if not (isinstance(allowed, ast.Constant) and allowed.value is False):
            yield "numpy.load"
    if module == "torch" and name == "load":
        only = options.get("weights_only")
        if not (isinstance(only, ast.Constant) and only.value is True):
            yield "torch.load"
    if module == "yaml" and name in ("load", "load_all", "unsafe_load", "full_load"):
        yield f"yaml.{name}"


def sources() -> list[Path]:
    return sorted(path for part in PARTS for path in (REPOSITORY / part).rglob("*.py*")
                  if path.suffix in (".py", ".pyx", ".pxi"))  # fmt: skip


def test_what_runs_code_is_where_it_is_allowed() -> None:
    found = set()
    for path in sources():
        if path.suffix == ".py":
            name = path.relative_to(REPOSITORY).as_posix()
            found |= {(name, what) for what in risky(ast.parse(path.read_text(encoding="utf-8")))}
    assert found - set(ALLOWED) == set()
    assert set(ALLOWED) - found == set(), "no longer there: remove it from the list"


def test_kernels_run_no_python() -> None:
    for path in sources():
        if path.suffix in (".pyx", ".pxi"):
            text = path.read_text(encoding="utf-8")
            assert not any(f"{name}(" in text for name in ("eval", "exec", "system", "__import__"))


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')", "import pickle", "from subprocess import run", "np.load(f)", "yaml.load(f)",
        "np.load(f, allow_pickle=True)", "os.system('x')", "pd.read_pickle(f)", "torch.load(f)",
        "__import__('os')", "compile('1', '', 'eval')",
    ],
)  # fmt: skip
def test_the_check_sees(code: str) -> None:
    assert list(risky(ast.parse(code)))


def test_a_report_never_runs_the_program_of_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database of a study holds its text: who opens it has not chosen to run what is in it."""
    from chiploom import cli
    from chiploom.search.designs import DesignStore

    file = tiny_study.write(tmp_path, name="study")
    co_search(file, db=tmp_path / "study.db", trials=2).close()
    store = DesignStore(tmp_path / "study.designs.db")
    text = store.meta("study")
    assert text is not None
    start = text.index("accuracy:")
    lines = text[start:].splitlines(keepends=True)
    depth = len(text[:start].rpartition("\n")[2])
    end = next(n for n, line in enumerate(lines) if n and len(line) - len(line.lstrip()) <= depth)
    program = f"accuracy: {{command: {{command: [touch, {tmp_path / 'run'}]}}}}\n"
    store.put_meta({"study": text[:start] + program + "".join(lines[end:])})
    store.close()
    monkeypatch.setattr(subprocess, "Popen", None)  # whoever starts a program fails
    report = tmp_path / "report.html"
    assert cli.main(["report", str(tmp_path / "study.db"), "-o", str(report)]) == 0
    assert cli.main(["simulate", "--design", f"{tmp_path / 'study.db'}:1", "--quiet"]) in (0, 1)
    assert report.exists()
    assert not (tmp_path / "run").exists()
