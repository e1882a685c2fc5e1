"""Study files: what they become, and what is said of wrong ones."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from chiploom.dataflows import SpecError
from chiploom.frontend import load_onnx, zoo
from chiploom.frontend.errors import InputError
from chiploom.search import study_accuracy
from chiploom.search.evaluators import CommandEvaluator, PredictorEvaluator, TrainEvaluator
from chiploom.search.fixed import FixedSpace, RestrictedSpace
from chiploom.search.hardware.space import Design
from chiploom.search.spaces import NASBench201, ResNet9, Space, UNet
from chiploom.search.study_accuracy import WholeSpaceEvaluator
from chiploom.search.study_file import StudyFile, load_study, parse_study

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

NETWORKS = """
networks:
  - name: classify
    space: resnet9
"""
HARDWARE = """
hardware:
  technology: {node: 28 nm}
  clock: 500 MHz
  dram: {type: LPDDR4, bandwidth: 64 GB/s}
  sub_accelerators:
    - name: a
      template: nvdla
      parameters: {atomic_c: {from: 8, to: 16, factor: 2}, atomic_k: 16}
"""


def parsed(text: str, base: Path = Path()) -> StudyFile:
    return parse_study(text, "study.yaml", base)


def read(rest: str, base: Path = Path()) -> StudyFile:
    return parsed(NETWORKS + rest + HARDWARE, base)


def problems(text: str, base: Path = Path()) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        parsed(text, base)
    return caught.value.problems


def problem(rest: str, base: Path = Path()) -> str:
    """The one problem of a study with these lines below its network."""
    (found,) = problems(NETWORKS + rest + HARDWARE, base)
    return found


def table(space: Space, file: Path, count: int = 40) -> Path:
    """Made-up accuracies: they grow with the sum of a choice's features."""
    random = np.random.default_rng(0)
    keys = {space.encode(space.sample(random)) for _ in range(count)}
    rows = [f'"{k}",{0.5 + 1e-4 * space.vector(space.decode(k)).sum():.4f}' for k in sorted(keys)]
    file.write_text("\n".join(["key,accuracy", *rows]) + "\n")
    return file


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tables that stand in for the shipped ones."""
    made = {
        "resnet9-digits": table(ResNet9(), tmp_path / "resnet9-digits.csv"),
        "resnet9-digits-96": table(ResNet9("stl10"), tmp_path / "resnet9-digits-96.csv"),
        "unet-nuclei": table(UNet(), tmp_path / "unet-nuclei.csv"),
    }
    monkeypatch.setattr(study_accuracy, "shipped_tables", lambda: made)
    return tmp_path


def test_a_short_study_has_defaults() -> None:
    study = read("")
    (network,) = study.networks
    assert network.name == "classify"
    assert isinstance(network.space, ResNet9)
    assert network.weight == 0
    assert network.evaluator is None
    assert study.objectives == ("energy",)
    assert study.strategy == "exact"
    assert (study.trials, study.seconds, study.designs) == (None, None, 1000)
    assert (study.seed, study.batch, study.options) == (0, 4, {})
    assert study.goals.specs == {}
    assert study.goals.weights == {"energy": 1}
    assert study.settings.objective == "edp"
    assert study.hardware.size == 2


def test_quantities_become_cycles_pj_mm2_and_seconds() -> None:
    study = read(
        """
specs: {latency: 2 us, energy: 2e3 nJ, area: 4e6 um2}
bounds: {latency: 1500}
rho: 5
minimize: {latency: 1, energy: 2}
objectives: edp
mapping: {objective: energy, effort: normal, near: 1.1}
strategy: nasaic
options: {hidden: 10}
budget: {trials: 7, time: 1.5 min, designs: 3}
seed: 3
batch: 2
"""
    )
    goals = study.goals
    assert goals.specs == pytest.approx({"latency": 1000, "energy": 2e6, "area": 4})
    assert goals.bounds == {"latency": 1500}
    assert (goals.rho, goals.weights) == (5, {"latency": 1, "energy": 2})
    assert study.objectives == ("edp",)
    assert (study.settings.objective, study.settings.effort) == ("energy", "normal")
    assert study.settings.near == 1.1
    assert study.options == {"hidden": 10}
    assert (study.trials, study.seconds, study.designs) == (7, 90, 3)
    assert (study.seed, study.batch) == (3, 2)


@pytest.mark.parametrize(("written", "seconds"), [("90 s", 90), ("1 h", 3600), ("12.5", 12.5)])
def test_times_of_a_budget(written: str, seconds: float) -> None:
    assert read(f"budget: {{time: {written}}}").seconds == seconds


def test_a_study_is_its_text(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(NETWORKS + HARDWARE)
    study = load_study(file)
    again = parse_study(study.text, str(study.path), study.base)
    assert again.hardware == study.hardware
    assert again.goals == study.goals
    assert (study.path, study.base) == (file, tmp_path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        load_study(tmp_path / "none.yaml")


# -- networks ------------------------------------------------------------------------------------
def test_options_of_a_space() -> None:
    space = read("    options: {variant: stl10, size: 48, filters: [8, 16], bits: 8}").networks[0]
    assert isinstance(space.space, ResNet9)
    assert (space.space.size_in, space.space.bits, space.space.blocks) == (48, 8, 4)


def test_only_restricts_parameters() -> None:
    network = read("    only: {skips1: [1, 0], stem: 16}").networks[0]
    space, whole = network.space, ResNet9()
    assert space.size == whole.size // 4 * 2 // 3
    choice = space.sample(np.random.default_rng(0))
    assert (choice["stem"], space.name, space.source) == (16, whole.name, whole.source)
    assert space.encode(choice) == whole.encode(choice)
    assert space.build(choice) == whole.build(choice)
    assert space.to_onnx(choice) == whole.to_onnx(choice)
    assert pickle.loads(pickle.dumps(space)).build(choice) == whole.build(choice)


def test_conditions_hold_in_a_restricted_space() -> None:
    space = RestrictedSpace(UNet(), {"height": (1, 2), "filters1": (8,)})
    assert space.size == 5 + 5
    assert all(UNet().encode(c) == space.encode(c) for c in space.choices())
    one = RestrictedSpace(UNet(), {"height": (1,)})
    assert all(list(choice) == ["height", "filters0"] for choice in one.choices())


def test_a_model_is_a_space_with_one_choice(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").write_bytes(zoo.path("lstm").read_bytes())
    text = "networks:\n  - {name: a, model: own.onnx, bits: 8}\n  - {name: b, model: resnet9}\n"
    study = parsed(text + HARDWARE, tmp_path)
    own, shipped = (network.space for network in study.networks)
    assert isinstance(own, FixedSpace)
    assert list(own.choices()) == [{}] == [own.decode("")]
    assert (own.size, own.encode({}), own.name) == (1, "", "own")
    assert own.build({}) == load_onnx(tmp_path / "own.onnx", bits=8)
    assert shipped.build({}) == load_onnx("resnet9")
    assert len(own.to_onnx({}).graph.node) > 0
    assert pickle.loads(pickle.dumps(own)).build({}) == own.build({})
    assert own.vector({}).shape == (0,)


def test_transforms_make_a_space_of_a_model() -> None:
    text = "networks: [{name: a, model: resnet9, transforms: {keep: [0.5, 1.0], widths: [8]}}]\n"
    space = parsed(text + HARDWARE).networks[0].space
    assert space.size > 2
    assert space.build(next(iter(space.choices()))).macs < load_onnx("resnet9").macs


def test_weights_sum_to_one() -> None:
    accuracy = "accuracy: {command: {command: ./evaluate}}"
    text = "networks:\n" + "".join(
        f"  - {{name: {name}, space: resnet9, {rest}}}\n"
        for name, rest in (
            ("a", f"weight: 3, {accuracy}"), ("b", f"weight: 1, {accuracy}"), ("c", "only: {}"),
        )
    )  # fmt: skip
    study = parsed(text + HARDWARE)
    assert [network.weight for network in study.networks] == [0.75, 0.25, 0]
    assert study.objectives == ("accuracy",)
    study = parsed(text.replace("weight: 3, ", "").replace("weight: 1, ", "") + HARDWARE)
    assert [network.weight for network in study.networks] == [0.5, 0.5, 0]


# -- accuracies ----------------------------------------------------------------------------------
def test_a_table_of_the_whole_space_serves_a_restricted_one(tables: Path) -> None:
    whole = ResNet9()
    for name in ("resnet9-digits", "resnet9-digits.csv"):
        network = read(f"    only: {{stem: 16}}\n    accuracy: {{table: {name}}}", tables).networks[
            0
        ]
        assert isinstance(network.evaluator, WholeSpaceEvaluator)
        lines = (tables / "resnet9-digits.csv").read_text().splitlines()[1:]
        line = next(line for line in lines if "stem=16" in line)
        choice, value = whole.decode(line.split('"')[1]), float(line.rpartition(",")[2])
        assert network.evaluator.evaluate(network.space, choice).value == value
        assert network.evaluator is network.evaluator
        with pytest.raises(InputError, match="expected one of 16"):
            network.evaluator.evaluate(network.space, {**choice, "stem": 8})


def test_a_table_has_columns_and_a_unit(tmp_path: Path) -> None:
    only = "{stem: 8, filters1: 32, skips1: 0, filters2: 32, skips2: 0, filters3: 32, skips3: 0}"
    key = "stem=8,filters1=32,skips1=0,filters2=32,skips2=0,filters3=32,skips3=0"
    (tmp_path / "t.csv").write_text(f'key,top1\n"{key}",50\n')
    rest = f"""
    only: {only}
    accuracy: {{table: {{file: t.csv, accuracy: top1, unit: 0.01, source: mine}}}}"""
    network = read(rest, tmp_path).networks[0]
    assert network.evaluator is not None
    found = network.evaluator.evaluate(network.space, ResNet9().decode(key))
    assert (found.value, found.source) == (0.5, "mine")


def test_a_predictor(tables: Path) -> None:
    rest = """
    only: {stem: 16}
    accuracy: {predictor: {table: resnet9-digits, folds: 2, rounds: 5, seed: 1}}"""
    network = read(rest, tables).networks[0]
    assert isinstance(network.evaluator, WholeSpaceEvaluator)
    inner = network.evaluator.evaluator
    assert isinstance(inner, PredictorEvaluator)
    assert inner.validation.folds == 2
    choice = network.space.sample(np.random.default_rng(0))
    assert 0.5 < network.evaluator.evaluate(network.space, choice).value < 0.7


def test_training(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", x=np.zeros((20, 8, 8)), y=np.arange(20) % 2)
    rest = """
    options: {size: 8, channels: 1, classes: 2}
    accuracy: {train: {dataset: own.npz, size: 8, epochs: 2, seeds: [1, 2], checkpoints: kept}}"""
    evaluator = read(rest, tmp_path).networks[0].evaluator
    assert isinstance(evaluator, TrainEvaluator)
    assert evaluator.dataset.name == "own"
    assert (evaluator.training.epochs, evaluator.seeds) == (2, (1, 2))
    assert evaluator.folder == tmp_path / "kept"


def test_a_command_runs_in_the_folder_of_the_study(tmp_path: Path) -> None:
    script = tmp_path / "evaluate"
    script.write_text("#!/bin/sh\necho 0.25\n")
    script.chmod(0o755)
    network = read("    accuracy: {command: {command: ./evaluate, timeout: 1 min}}", tmp_path)
    evaluator, space = network.networks[0].evaluator, network.networks[0].space
    assert isinstance(evaluator, CommandEvaluator)
    assert evaluator.timeout == 60
    assert evaluator.evaluate(space, space.sample(np.random.default_rng(0))).value == 0.25


def test_a_published_table(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("ops,c100\n000000,70\n")
    text = """
networks:
  - name: a
    space: nasbench201
    accuracy: {published: {nasbench201: n.csv, column: c100}}
"""
    network = parsed(text + HARDWARE, tmp_path).networks[0]
    choice = next(iter(NASBench201().choices()))
    assert network.evaluator is not None
    assert network.evaluator.evaluate(network.space, choice).value == pytest.approx(0.7)


def test_a_constant() -> None:
    text = "networks: [{name: a, model: resnet9, accuracy: {constant: 0.76, source: a paper}}]\n"
    network = parsed(text + HARDWARE).networks[0]
    assert network.evaluator is not None
    found = network.evaluator.evaluate(network.space, {})
    assert (found.value, found.source) == (0.76, "a paper")


def test_an_evaluator_that_cannot_be_built_says_where(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("key,accuracy\nstem=9,0.5\n")
    network = read("    accuracy: {table: t.csv}", tmp_path).networks[0]
    with pytest.raises(InputError, match=r"study.yaml:5: networks\[0\].accuracy: .*stem"):
        _ = network.evaluator


# -- hardware ------------------------------------------------------------------------------------
def test_a_shipped_spec_is_one_design() -> None:
    study = parsed(NETWORKS + "hardware: {spec: nasaic-w1}\nspecs: {latency: 1 us}")
    assert study.hardware.size == 1
    accelerator = study.hardware.accelerator(Design(0, (0, 0)))
    assert [sub.name for sub in accelerator.sub_accelerators] == ["dla", "shi"]
    assert study.goals.specs["latency"] == pytest.approx(1000)


def test_templates_are_found_beside_the_study(tmp_path: Path) -> None:
    from chiploom.dataflows.template import find_file

    (tmp_path / "own.yaml").write_text(find_file("templates", "nvdla").read_text())
    study = parsed(NETWORKS + HARDWARE.replace("nvdla", "own.yaml"), tmp_path)
    assert study.hardware.accelerator(Design(0, (0,))).sub_accelerators[0].name == "a"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("28 nm", "28 m", "study.yaml:7: technology.node: expected a length"),
        ("atomic_k: 16", "atomic_q: 16", "study.yaml:13: sub_accelerators[0].parameters.atomic_q:"),
        ("from: 8, to: 16", "from: 16, to: 8", "expected a range that goes up"),
        ("template: nvdla", "template: nvdlaa", "did you mean `nvdla`?"),
        ("  clock: 500 MHz\n", "", "expected the key `clock`"),
    ],
)
def test_wrong_hardware(old: str, new: str, expected: str) -> None:
    (found,) = problems(NETWORKS + HARDWARE.replace(old, new))
    assert expected in found


def test_an_alternative_is_refused_if_none_of_it_can_be_built() -> None:
    legal = HARDWARE.replace("{from: 8, to: 16, factor: 2}", "{any_of: [4096, 16]}")
    assert parsed(NETWORKS + legal).hardware.size == 2
    (found,) = problems(NETWORKS + legal.replace("16]", "2048]"))
    assert "study.yaml:13: sub_accelerators[0].parameters.atomic_c" in found


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{spec: nasaic-w9}", "study.yaml:5: hardware.spec: expected a shipped spec"),
        ("{spec: none.yaml}", "there is no such file"),
        ("{spec: 3}", "hardware.spec: expected a shipped spec or the path of one, found 3"),
        ("{spec: nasaic-w1, clock: 1 GHz}", "hardware.clock: a `spec` stands alone"),
        ("[]", "hardware: expected a mapping, found []"),
        ("{}", "expected a spec with `sub_accelerators`"),
    ],
)
def test_wrong_specs_as_hardware(written: str, expected: str) -> None:
    (found,) = problems(NETWORKS + f"hardware: {written}")
    assert expected in found


# -- errors --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("    spac: unet", "study.yaml:5: networks[0].spac: unknown key `spac`; did you mean"),
        ("    model: resnet9", "expected one of `space`, `model`, found `space` and `model`"),
        ("    transforms: {}", "`transforms` is for a `model`"),
        ("    bits: 8", "`bits` is for a `model`"),
        ("    dims: {n: 2}", "`dims` is for a `model`"),
        ("    options: {bit: 8}", "options.bit: space resnet9 has no option `bit`; did you mean"),
        ("    options: {bits: big}", "options.bits: expected a whole number from 1, found 'big'"),
        ("    options: {bits: 0}", "options.bits: expected a whole number from 1, found 0"),
        ("    options: {variant: x}", "options.variant: expected one of cifar10, stl10, found 'x'"),
        ("    options: {size: 30}", "options: space resnet9: size: expected a multiple of 8"),
        ("    options: {filters: [8, 8]}", "expected distinct values"),
        ("    options: {filters: 8}", "options.filters: expected a list of whole numbers"),
        ("    only: {stem: [8, 9]}", "only.stem: expected some of 8, 16, 32, 64, found 9"),
        ("    only: {stem: []}", "only.stem: expected some of 8, 16, 32, 64, found none"),
        ("    only: {stam: 8}", "only.stam: space resnet9 has no parameter `stam`; did you mean"),
        ("    only: {skips1: true}", "only.skips1: expected some of 0, 1, 2, found True"),
        ("    weight: 0.5", "networks[0].weight: it weighs the network's `accuracy`"),
        ("    weight: 0", "weight: expected a number above 0, found 0"),
        ("    accuracy: {}", "accuracy: expected one of `table`, `predictor`"),
        ("    accuracy: {constant: 2, source: me}", "expected a number from 0 to 1, found 2"),
        ("    accuracy: {constant: 0.5}", "expected `constant` and `source` together"),
        ("    accuracy: {constant: 0.5, source: x}", "only a fixed network has one accuracy"),
        ("    accuracy: {table: none.csv}", "accuracy.table: expected a table, there is no file"),
        ("    accuracy: {table: resnet9}", "expected a shipped table or the path of one"),
        ("    accuracy: {predictor: {table: a.csv, folds: 1}}", "folds: input should be greater"),
        ("    accuracy: {predictor: {table: a.csv}}", "accuracy.predictor.table: expected a table"),
        ("    accuracy: {train: {dataset: x}}", "train.dataset: expected digits, mnist5000, or an"),
        ("    accuracy: {command: {command: []}}", "command.command: expected at least 1"),
        ("    accuracy: {published: {column: x}}", "expected one of `nasbench201`, `nasbench_macr"),
        (
            "    accuracy: {published: {nasbench_macro: study.yaml, column: x}}",
            "only `nasbench201`",
        ),
        ("colour: red", "study.yaml:5: colour: unknown key `colour`"),
        ("specs: {latency: 3 kg}", "study.yaml:5: specs.latency: expected a time"),
        ("specs: {energy: 3}", "specs.energy: expected an energy such as"),
        ("specs: {area: 0 mm2}", "specs.area: expected an area above 0"),
        ("specs: {latency: -3}", "specs.latency: expected a latency above 0"),
        ("bounds: {area: 3 mm2}", "bounds.area: there is no spec that it could bound"),
        ("specs: {area: 3 mm2}\nbounds: {area: 3 mm2}", "bounds.area: expected more than the spec"),
        ("specs: {area: 3 mm2}\nscales: {area: 3 mm2}", "scales.area: its spec is its scale"),
        ("minimize: edp", "minimize: expected a weighted sum of latency, energy and area, found"),
        ("minimize: power", "minimize: expected one of latency, energy, area, or a mapping"),
        ("minimize: {energy: 0}", "minimize: expected one of latency, energy, area, or a mapping"),
        ("minimize: {energy: 1, area: 1}", "minimize: expected a spec or a scale of each metric"),
        ("objectives: [accuracy]", "objectives: expected a network with `accuracy`, there is none"),
        ("objectives: [speed]", "objectives: expected a list out of accuracy, latency, energy"),
        ("objectives: [area, area]", "objectives: expected objectives without repetition"),
        ("strategy: best", "strategy: expected 'exact', 'nasaic'"),
        ("budget: {time: soon}", "budget.time: expected seconds above 0, or text such as `90 s`"),
        ("budget: {time: . s}", "budget.time: expected seconds above 0, or text such as `90 s`"),
        ("budget: {trials: 0}", "budget.trials: expected a whole number of at least 1, found 0"),
        ("seed: -1", "seed: expected a whole number from 0 to 2^31 - 1, found -1"),
        ("rho: much", "rho: expected a number above 0, found 'much'"),
        ("mapping: {effort: some}", "mapping.effort: expected 'fast', 'normal' or 'thorough'"),
    ],
)
def test_messages(rest: str, expected: str) -> None:
    assert expected in problem(rest)


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("space: resnet", "networks[0].space: no search space is named 'resnet'; did you mean"),
        ("model: resnet51", "networks[0].model: expected a network of the zoo or an ONNX file"),
        ("only: {}", "expected one of `space`, `model`, found none of them"),
        ("model: resnet9, options: {bits: 8}", "`options` are for a `space`"),
        ("model: resnet9, bits: 8, transforms: {}", "write the width as `widths: [8]`"),
        ("model: resnet9, transforms: {keep: []}", "networks[0].transforms: resnet9: expected"),
        ("model: resnet9, transforms: {keep: [2]}", "transforms.keep[0]: expected a number from 0"),
        ("model: resnet9, only: {stem: 8}", "only.stem: space resnet9 has no parameter `stem`"),
        ("model: resnet9, accuracy: {table: t.csv}", "a given network has no choices to look up"),
        (
            "space: unet, accuracy: {published: {nasbench_macro: x}}",
            "table of the space nasbench-m",
        ),
    ],
)
def test_messages_about_networks(network: str, expected: str) -> None:
    assert expected in problems(f"networks: [{{name: a, {network}}}]\n" + HARDWARE)[0]


def test_names_are_unique_and_plain() -> None:
    twice = "networks: [{name: a, space: unet}, {name: a, space: unet}]\n" + HARDWARE
    assert problems(twice) == (
        "study.yaml:1: networks[1].name: expected every name once, found 'a' again; rename it",
    )
    (found,) = problems("networks: [{name: a b, space: unet}]\n" + HARDWARE)
    assert "expected a name of letters, digits, `_` and `-`, found 'a b'" in found


def test_a_latency_in_seconds_needs_one_clock() -> None:
    clocks = HARDWARE.replace("500 MHz", "{any_of: [500 MHz, 1 GHz]}")
    assert parsed(NETWORKS + "specs: {latency: 100}" + clocks).goals.specs == {"latency": 100}
    (found,) = problems(NETWORKS + "specs: {latency: 1 us}" + clocks)
    assert "specs.latency: expected cycles, since `hardware.clock` is not one frequency" in found


def test_scales_stand_in_for_specs() -> None:
    study = read("minimize: {energy: 1, area: 1}\nspecs: {energy: 3 nJ}\nscales: {area: 2 mm2}")
    assert study.goals.scales == {"area": 2}
    assert study.goals.weight("area") == 0.5


def test_all_errors_come_at_once() -> None:
    text = (
        "networks:\n  - {name: a, space: unet, weigt: 1}\n  - {name: b, space: unett}\n"
        "seed: x\nbounds: {area: 1 mm2}" + HARDWARE.replace("nvdla", "nvdlaa")
    )
    found = "\n".join(problems(text))
    for part in ("2: networks[0].weigt", "3: networks[1].space", "4: seed", "nvdlaa"):
        assert part in found


# -- examples ------------------------------------------------------------------------------------
@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_examples(file: Path, tables: Path) -> None:
    study = load_study(file)
    for network in study.networks:
        choice = network.space.sample(np.random.default_rng(0))
        assert network.space.build(choice).macs > 0
    assert study.hardware.size > 1


def test_the_workloads_of_nasaic(tables: Path) -> None:
    study = load_study(EXAMPLES / "w1.yaml")
    assert [network.weight for network in study.networks] == [0.5, 0.5]
    assert study.objectives == ("accuracy",)
    assert study.hardware.pes_total == 4096
    a, b = study.hardware.subs
    assert a.alternatives == b.alternatives
    assert [one.label for one in a.alternatives] == ["nvdla", "shidiannao", "row-stationary"]
    assert len(a) == 3 * 63 * 7
    fixed = load_study(EXAMPLES / "hardware-w1.yaml")
    assert [network.space.size for network in fixed.networks] == [1, 1]
    assert len(fixed.hardware.subs[0]) == 3 * 511 * 7
