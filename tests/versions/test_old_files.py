"""Files of every schema version ever released still load, and say what they said.

The files in `old/` are called after the kind and version of their schema. They are never written
anew: a version that changes a schema adds files of its own. Figures of the YAML files are those
that they state themselves, so that a better model of a component does not change them.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import chiploom
from chiploom.dataflows.device import load_device
from chiploom.dataflows.template import load_template
from chiploom.dataflows.versions import mismatch
from chiploom.frontend.errors import InputError
from chiploom.search.study_file import load_study
from chiploom.simulator.reader import read_result

OLD = Path(__file__).parent / "old"
RESULTS = {
    "result-1.json": ("eyeriss", 13, 6_833_210, 4_460_166_392.5, 3.18090, 15_898_004),
    "result-1-scheduled.json": ("design-2", 17, 996_358, 93_329_677.25, 0.1162, 706_410),
    "result-1-fitted.json": (
        "fpga-tiled on xc7z020", 13, 9_207_559, 71_593_860_087.1, 0.0, 62_186_376,
    ),
}  # fmt: skip


def test_every_file_is_tested() -> None:
    rest = {"spec-1.yaml", "template-1.yaml", "device-1.yaml", "search-1.yaml"}
    stores = {"search-1.db", "search-1.designs.db"}
    assert {path.name for path in OLD.iterdir()} == {*RESULTS, *rest, *stores}


@pytest.mark.parametrize("name", RESULTS)
def test_results(name: str, tmp_path: Path) -> None:
    result = read_result(OLD / name)
    spec, layers, cycles, energy, area, traffic = RESULTS[name]
    assert (result.spec.name, len(result.layers)) == (spec, layers)
    assert (result.cycles, result.dram_bytes) == (cycles, traffic)
    assert result.energy_pj == pytest.approx(energy)
    assert result.area_mm2 == pytest.approx(area, rel=1e-5)
    chiploom.write_report(result, tmp_path / "report.md")
    assert spec in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RESULTS)
def test_results_say_the_same_when_they_are_written_again(name: str) -> None:
    """Every key of an old file is there with its value; later minor versions may add others."""
    old = json.loads((OLD / name).read_text(encoding="utf-8"))
    new = read_result(OLD / name).to_json()
    del old["schema"]
    assert _lost(old, new, "") == []


def _lost(old: object, new: object, place: str) -> list[str]:
    """Places whose value is another now."""
    if isinstance(old, dict) and isinstance(new, dict):
        missing = [f"{place}.{key}" for key in old if key not in new]
        return missing + [p for k in old if k in new for p in _lost(old[k], new[k], f"{place}.{k}")]
    if isinstance(old, list) and isinstance(new, list | tuple) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [p for n, (a, b) in pairs for p in _lost(a, b, f"{place}[{n}]")]
    number = isinstance(old, int | float) and isinstance(new, int | float)
    same = old == pytest.approx(new, rel=1e-12) if number else old == new
    return [] if same else [f"{place}: {old!r} is {new!r}"]


def test_spec() -> None:
    chip = chiploom.load_spec(str(OLD / "spec-1.yaml"))
    grid, line = chip.sub_accelerators
    assert (chip.clock_hz, grid.pes, line.pes) == (500e6, 8 * 16, 16)
    assert grid.parameters["buffer"] == "32 KiB"
    assert [m.name for m in grid.memories] == ["registers", "buffer", "DRAM"]
    buffer = grid.memories[1]
    assert (buffer.size_bits, buffer.read_bandwidth) == (32 * 8192, 256)
    assert (buffer.read_energy, buffer.write_energy) == (0.2, 0.1)
    assert (buffer.area_mm2, buffer.leakage_mw) == pytest.approx((0.01, 0.001))
    buffer, dram = line.memories
    assert (buffer.read_bandwidth, buffer.write_bandwidth, buffer.buffering) == (512, 256, "single")
    assert (dram.read_energy, dram.write_energy, dram.read_bandwidth) == (4, 5, 32)
    assert (grid.mac_energy, line.mac_energy) == (0.2, 0.25)
    assert grid.mac_area_mm2 == pytest.approx(128 * 200e-6)
    assert line.precision.psum == 24
    assert (grid.skew.cycles, grid.skew.per) == (8 + 16 - 2, "fold")
    assert (grid.vector.lanes, line.vector.lanes) == (8, 4)


def test_template() -> None:
    template = load_template(str(OLD / "template-1.yaml"))
    kinds = {parameter.name: parameter.kind for parameter in template.parameters}
    assert kinds == {
        "rows": "count", "columns": "count", "buffer": "size", "port": "bandwidth",
        "sums": "choice",
    }  # fmt: skip
    assert template.parameter("rows").legal() == "a whole number from 1 to 64"


def test_device() -> None:
    device = load_device(str(OLD / "device-1.yaml"))
    assert (device.resources.dsps, device.resources.bram36, device.resources.uram) == (100, 50, 4)
    assert (device.resources.luts, device.resources.ffs) == (20_000, 40_000)
    assert (device.clock_hz, device.most_clock_hz, device.node_nm) == (200e6, 500e6, 16)


def test_study_file() -> None:
    study = load_study(OLD / "search-1.yaml")
    assert [network.name for network in study.networks] == ["classify", "segment"]
    assert [len(list(network.space.choices())) for network in study.networks] == [1, 2]
    assert [len(sub) for sub in study.hardware.subs] == [3 * 2, 2]
    specs = {"latency": 6_000_000, "energy": 2e9, "area": 0.12}
    assert dict(study.goals.specs) == pytest.approx(specs)
    assert study.objectives == ("accuracy", "energy")
    assert (study.strategy, study.trials, study.designs, study.seed) == ("random", 4, 3, 1)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy: SQLite writes beside what it reads."""
    for name in ("search-1.db", "search-1.designs.db"):
        shutil.copy(OLD / name, tmp_path)
    return tmp_path / "search-1.db"


def test_study(kept: Path, tmp_path: Path) -> None:
    with chiploom.open_study(kept) as study:
        assert (study.store.count(), len(study.told())) == (10, 4)
        best = study.best
        assert best is not None
        assert (best.number, best.cycles, best.accuracy) == (2, 998_571, 0.98329)
        assert (best.energy_pj, best.area_mm2) == pytest.approx((93_128_106.142976, 0.1162))
        assert (best.checked_ok, best.checked_cycles) == (True, 1_001_257)
        assert [design.cycles for design in study.store.all(trial=0)] == [
            1_542_691, 998_571, 1_542_691,
        ]  # fmt: skip
        assert [design.number for design in study.front()] == [2]
        assert study.accelerator(best).sub_accelerators[0].pes == 16 * 16
        assert [graph.name for graph in study.graphs(best)] == ["resnet9", "unet"]
        chiploom.write_report(study, tmp_path / "study.md")
    assert "0.9833" in (tmp_path / "study.md").read_text(encoding="utf-8")


def test_a_study_goes_on(kept: Path) -> None:
    with chiploom.co_search(OLD / "search-1.yaml", db=kept, resume=True, trials=5) as study:
        assert len(study.told()) == 5
        assert study.store.get(2).cycles == 998_571


# -- versions that cannot be read ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "schema", "message"),
    [
        ("spec-1.yaml", "chiploom.spec/1.1", "of a newer chiploom; upgrade chiploom to read it"),
        ("spec-1.yaml", "chiploom.spec/2", "expected the schema chiploom.spec/1 or an earlier one"),
        ("spec-1.yaml", "chiploom.device/1", "found 'chiploom.device/1'; correct or remove"),
        ("spec-1.yaml", "1", "found 1; correct or remove"),
        ("device-1.yaml", "chiploom.device/2.3", "upgrade chiploom"),
        ("search-1.yaml", "chiploom.search/2", "upgrade chiploom"),
        ("search-1.yaml", "chiploom.spec/1", "expected the schema chiploom.search/1"),
        ("template-1.yaml", "chiploom.template/7", "upgrade chiploom"),
    ],
)
def test_other_schemas(tmp_path: Path, file: str, schema: str, message: str) -> None:
    for path in OLD.glob("*.yaml"):
        shutil.copy(path, tmp_path)
    path = tmp_path / file
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"schema: .*", f"schema: {schema}", text), encoding="utf-8")
    load = {"spec": chiploom.load_spec, "device": load_device, "search": load_study,
            "template": load_template}[file.split("-")[0]]  # fmt: skip
    with pytest.raises(InputError) as error:
        load(str(path))
    assert str(error.value).startswith(f"{path}:1: schema: ")
    assert message in str(error.value)


def test_without_a_schema(tmp_path: Path) -> None:
    for path in OLD.glob("*.yaml"):
        text = path.read_text(encoding="utf-8").partition("\n")[2]
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    named, bare = (chiploom.load_spec(str(f / "spec-1.yaml")) for f in (OLD, tmp_path))
    assert named == bare
    assert load_device(str(tmp_path / "device-1.yaml")) == load_device(str(OLD / "device-1.yaml"))
    assert load_study(tmp_path / "search-1.yaml").trials == 4


def test_hardware_of_a_study_may_name_its_schema(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        f"networks:\n  - {{name: n, model: resnet9}}\nhardware: {{spec: {OLD / 'spec-1.yaml'}}}\n",
        encoding="utf-8",
    )
    assert len(load_study(tmp_path / "study.yaml").hardware.subs) == 2


def test_a_newer_result(tmp_path: Path) -> None:
    document = json.loads((OLD / "result-1.json").read_text(encoding="utf-8"))
    for schema, message in {
        "chiploom.result/1.1": "found chiploom.result/1.1, of a newer chiploom; upgrade chiploom",
        "chiploom.result/1.00": "found 'chiploom.result/1.00'; write one with",
    }.items():
        (tmp_path / "new.json").write_text(json.dumps({**document, "schema": schema}))
        with pytest.raises(InputError, match=re.escape(message)):
            read_result(tmp_path / "new.json")


def test_a_newer_study(kept: Path) -> None:
    with chiploom.open_study(kept) as study:
        study.store.put_meta({"schema": "chiploom.search/2"})
    with pytest.raises(
        InputError, match=r"the study in it: expected the schema chiploom\.search/1"
    ):
        chiploom.open_study(kept)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("chiploom.result/2", ""),
        ("chiploom.result/2.1", ""),
        ("chiploom.result/2.3", ""),
        ("chiploom.result/2.4", "upgrade chiploom"),
        ("chiploom.result/2.10", "upgrade chiploom"),
        ("chiploom.result/3", "upgrade chiploom"),
        ("chiploom.result/1.9", "of an older chiploom"),
        ("chiploom.results/2", "do this"),
        ("chiploom.result/02", "do this"),
        ("chiploom.result/2.3.1", "do this"),
        (2, "do this"),
        (None, "do this"),
    ],
)
def test_the_rule(found: object, said: str) -> None:
    message = mismatch("chiploom.result/2.3", found, "do this")
    assert (message == "") == (said == "")
    assert said in message


# -- the documentation -----------------------------------------------------------------------------


def test_all_schemas_are_documented() -> None:
    """Every name of a schema in the source is in docs/versions.md, and no other."""
    repository = Path(__file__).resolve().parents[2]
    parts = ("api", "dataflows", "frontend", "reports", "search", "simulator")
    texts = [
        path.read_text("utf-8") for part in parts for path in (repository / part).rglob("*.py")
    ]
    found = {name for text in texts for name in re.findall(r'= "(chiploom\.[a-z]+/[0-9.]+)"', text)}
    page = (repository / "docs" / "versions.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `(chiploom\.[a-z]+/[0-9.]+)` \|", page, flags=re.MULTILINE))
    assert found == listed
    assert len(found) >= 12
