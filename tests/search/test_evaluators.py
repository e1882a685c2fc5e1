"""Accuracy evaluators that need no training: tables, predictors, external programs."""

from __future__ import annotations

import csv
import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from chiploom.frontend import LayerGraph
from chiploom.search.evaluators import (
    Accuracy,
    CommandEvaluator,
    Entry,
    EvaluationError,
    Evaluator,
    PredictorEvaluator,
    TableEvaluator,
    load_accel_nasbench,
    load_nasbench201,
    load_nasbench_macro,
    load_table,
)
from chiploom.search.evaluators.predictor import spearman
from chiploom.search.spaces import Choice, ChoiceError, MnasNet, ResNet9, Space, UNet, load_space

ANSWER = "import json, sys; q = json.load(sys.stdin); print(json.dumps(%s))"


def goodness(choice: Choice) -> float:
    """A smooth function of a ResNet-9's choice, as an accuracy."""
    width = sum(np.log2(float(v)) for n, v in choice.items() if not n.startswith("skips"))
    skips = sum(int(v) for name, v in choice.items() if name.startswith("skips"))
    return float(0.5 + 0.015 * width + 0.01 * skips)


def made_table(space: Space, count: int = 200) -> TableEvaluator:
    random = np.random.default_rng(0)
    choices = [space.sample(random) for _ in range(count)]
    return TableEvaluator({space.encode(c): Entry(goodness(c)) for c in choices}, "made up")


def written(folder: Path, text: str, name: str = "table.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def command(answer: str, **options: float) -> CommandEvaluator:
    return CommandEvaluator([sys.executable, "-c", ANSWER % answer], **options)


@pytest.fixture(scope="module")
def space() -> ResNet9:
    return ResNet9()


@pytest.fixture(scope="module", params=["table", "predictor", "command"])
def evaluator(request: pytest.FixtureRequest, space: ResNet9) -> Evaluator:
    if request.param == "command":
        return command("0.75")
    table = made_table(space)
    if request.param == "table":
        return table
    pytest.importorskip("lightgbm", reason="the predictor needs LightGBM")
    return PredictorEvaluator(table, space, rounds=50)


def test_contract(evaluator: Evaluator, space: ResNet9) -> None:
    """What every evaluator owes a search."""
    choice = next(iter(made_table(space).choices(space)))
    found = evaluator.evaluate(space, choice)
    assert 0 <= found.value <= 1
    assert found.source
    assert found.uncertainty is None or found.uncertainty >= 0
    assert found.seconds >= 0
    copy = pickle.loads(pickle.dumps(evaluator))
    assert copy.evaluate(space, choice).value == found.value
    with pytest.raises(ChoiceError, match="'stem'"):
        evaluator.evaluate(space, {**choice, "stem": 7})


def test_an_accuracy_is_a_share() -> None:
    with pytest.raises(
        EvaluationError, match=r"here: expected an accuracy from 0 to 1, found 93\.5"
    ):
        Accuracy(93.5, "here")
    with pytest.raises(EvaluationError, match="uncertainty"):
        Accuracy(0.5, "here", float("nan"))


def test_a_missing_row_names_the_nearest_ones(space: ResNet9) -> None:
    full = space.settled({})
    near, far = {**full, "stem": 16}, {p.name: p.values[-1] for p in space.parameters}
    table = TableEvaluator({space.encode(far): Entry(0.9), space.encode(near): Entry(0.8)}, "two")
    with pytest.raises(EvaluationError, match=r"two: .*no row for stem=8,.*2 rows") as error:
        table.evaluate(space, full)
    text = str(error.value)
    assert text.index(f"{space.encode(near)} (1 differ)") < text.index("(7 differ)")


def test_csv_with_columns_of_parameters_and_seeds(tmp_path: Path) -> None:
    space = UNet(64)
    path = written(
        tmp_path,
        "height,filters0,filters1,seed,iou\n1,4,,0,70\n2,8,16,0,80\n2,8,16,1,84\n",
    )
    table = load_table(path, space, accuracy="iou", unit=0.01)
    assert table.evaluate(space, {"height": 1, "filters0": 4}).value == pytest.approx(0.70)
    twice = table.evaluate(space, {"height": 2, "filters0": 8, "filters1": 16})
    assert twice.value == pytest.approx(0.82)
    assert twice.uncertainty == pytest.approx(0.04 / 2**0.5)
    assert twice.source == "table.csv"


def test_json_and_parquet_give_the_same_table(tmp_path: Path) -> None:
    space = UNet(64)
    rows = [
        {"key": "height=1,filters0=4", "accuracy": 0.5, "uncertainty": 0.1},
        {"key": "height=1,filters0=8", "accuracy": 0.6, "uncertainty": 0.2},
    ]
    table = load_table(written(tmp_path, json.dumps(rows), "table.json"), space, source="here")
    found = table.evaluate(space, {"height": 1, "filters0": 8})
    assert (found.value, found.uncertainty, found.source) == (0.6, 0.2, "here")
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow")
    made = pytest.importorskip("pyarrow").Table.from_pylist(rows)
    parquet.write_table(made, tmp_path / "table.parquet")
    assert load_table(tmp_path / "table.parquet", space).entries == table.entries


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("key,accuracy\n", "t.csv", "expected at least one row"),
        ("key,accuracy\nheight=9,0.5\n", "t.csv", r"row 1: space unet: .*expected one of 1, 2"),
        ('key,accuracy\n"height=1,filters0=4",\n', "t.csv", "'accuracy': expected a number"),
        ('key,accuracy\n"height=1,filters0=4",high\n', "t.csv", "row 1: .*found 'high'"),
        ('key,accuracy\n"height=1,filters0=4",70\n', "t.csv", "expected 0 to 1, found 70"),
        ("{}", "t.json", "expected a list of objects"),
        ("{", "t.json", "expected a readable table"),
        ("", "t.txt", r"expected .csv, .json or .parquet, found '.txt'"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, name: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        load_table(written(tmp_path, text, name), UNet(64))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"none.csv: expected a readable table"):
        load_table(tmp_path / "none.csv", UNet(64))


def test_nasbench201(shared: Path) -> None:
    """The best test accuracy after 200 epochs that the benchmark reports is 94.37 %."""
    space = load_space("nasbench201")
    table = load_nasbench201(shared / "data" / "nasbench201_acc_lat.csv")
    assert len(table.entries) == space.size == 15_625
    best = max(table.choices(space), key=lambda choice: table.evaluate(space, choice).value)
    assert table.evaluate(space, best).value == pytest.approx(0.9437, abs=5e-5)
    other = load_nasbench201(shared / "data" / "nasbench201_acc_lat.csv", "in16_test_200e")
    assert max(entry.accuracy for entry in other.entries.values()) == pytest.approx(
        0.4731, abs=1e-4
    )
    with pytest.raises(EvaluationError, match="expected columns ops, top1, found idx"):
        load_nasbench201(shared / "data" / "nasbench201_acc_lat.csv", "top1")


def test_nasbench_macro_and_its_multiply_accumulates(shared: Path) -> None:
    """The file counts multiply-accumulates, which an own counter agrees with."""
    path = shared / "data" / "nas-bench-macro_cifar10.json"
    space, table = load_space("nasbench-macro"), load_nasbench_macro(path)
    assert len(table.entries) == space.size
    published = json.loads(path.read_text())
    for code in list(published)[::400]:
        operations = [space.parameters[0].values[int(digit)] for digit in code]
        choice = {f"layer{i}": value for i, value in enumerate(operations, start=1)}
        assert space.build(choice).macs == published[code]["flops"]
        found = table.evaluate(space, choice)
        assert found.value == pytest.approx(published[code]["mean_acc"] / 100)
        assert found.uncertainty == pytest.approx(published[code]["std"] / 100 * 1.5**0.5)


def counted_operations(graph: LayerGraph) -> int:
    """Operations as Accel-NASBench's counter has them, on our layers.

    Besides multiply-accumulates it counts 4 for every element that is normalised (all that
    convolutions make outside of squeeze-and-excitation), and for every mean one for each element
    that goes in and one for the division.
    """
    convolutions = [layer for layer in graph.compute_layers if layer.op == "Conv"]
    names = {layer.name for layer in convolutions}
    total = graph.macs + 1280 * (7 * 7 + 1)
    for layer in convolutions:
        if "/se/" not in layer.name:
            total += 4 * layer.nest.elements("O")
        if layer.name.replace("depthwise/conv", "se/reduce") in names and layer.nest["G"] > 1:
            total += layer.nest["G"] * (layer.nest["OY"] * layer.nest["OX"] + 1)
    return total


def test_accel_nasbench_and_its_multiply_accumulates(shared: Path) -> None:
    path = shared / "data" / "accel_nasbench_imagenet.csv"
    space, table = MnasNet(), load_accel_nasbench(path)
    assert len(table.entries) == 5125
    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    squeezed = [row for row in rows if row["se"] != "0000000"]
    for row in (*rows[:60:20], *squeezed[:100:20]):
        choice = {
            f"{name}{index + 1}": int(row[name][index])
            for index in range(7)
            for name in ("e", "k", "l", "se")
        }
        millions = counted_operations(space.build(choice)) / 1e6
        assert millions == pytest.approx(float(row["macs_m"]), abs=0.0006)
        same = [r for r in rows if all(r[name] == row[name] for name in ("e", "k", "l", "se"))]
        known = sum(float(r["top1"]) for r in same) / len(same) / 100
        assert table.evaluate(space, choice).value == pytest.approx(known)


def test_predictor_ranks_what_it_has_not_seen(space: ResNet9) -> None:
    pytest.importorskip("lightgbm", reason="the predictor needs LightGBM")
    table = made_table(space, 300)
    predictor = PredictorEvaluator(table, space, rounds=150)
    assert predictor.validation.spearman > 0.9
    assert 0 < predictor.validation.mae < predictor.validation.rmse < 0.02
    random = np.random.default_rng(99)
    new = [
        c
        for c in (space.sample(random) for _ in range(100))
        if space.encode(c) not in table.entries
    ]
    mean, deviation = predictor.predict(space, new)
    known = np.array([goodness(choice) for choice in new])
    assert spearman(mean, known) > 0.9
    assert np.mean(np.abs(mean - known) < 2 * deviation) > 0.8
    assert "300 rows" not in predictor.source or len(table.entries) == 300
    again = PredictorEvaluator(table, space, rounds=150)
    assert (again.predict(space, new)[0] == mean).all()


def test_predictor_refuses_what_it_cannot_learn(space: ResNet9) -> None:
    pytest.importorskip("lightgbm", reason="the predictor needs LightGBM")
    with pytest.raises(EvaluationError, match="at least 20 rows for 5 folds, found 10"):
        PredictorEvaluator(made_table(space, 10), space)
    with pytest.raises(EvaluationError, match="folds: expected at least 2"):
        PredictorEvaluator(made_table(space), space, folds=1)
    with pytest.raises(EvaluationError, match="not a table of this space"):
        PredictorEvaluator(made_table(space), UNet(64))
    with pytest.raises(EvaluationError, match="a space with the same parameters, found unet"):
        PredictorEvaluator(made_table(space), space, rounds=5).evaluate(
            UNet(64), {"height": 1, "filters0": 4}
        )


def test_rank_correlation_shares_ties() -> None:
    one, other = np.array([1.0, 2.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0])
    # ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: covariance 4.5, variances 4.5 and 5
    assert spearman(one, other) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)
    assert spearman(one, np.ones(4)) == 0


def test_command_gets_the_choice_and_may_say_more(space: ResNet9) -> None:
    choice = space.settled({"stem": 32})
    answer = "{'accuracy': q['choice']['stem'] / 64, 'uncertainty': 0.1, 'source': q['key'][:7]}"
    found = command(answer).evaluate(space, choice)
    assert (found.value, found.uncertainty) == (0.5, 0.1)
    assert found.source.endswith(": stem=32")
    assert found.seconds > 0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("93.5", r"accuracy: expected a number from 0 to 1, found 93.5"),
        ("True", "found True"),
        ("'high'", "found 'high'"),
        ("{'loss': 1}", "expected 'accuracy'"),
        ("[0.5]", "expected a number"),
        ("{'accuracy': 0.5, 'uncertainty': -1}", "uncertainty: expected"),
        ("sys.exit('out of memory')", "exit status 1: out of memory"),
        ("0.5)); print((1", "expected JSON on its output"),
        ("float('nan')", "found nan"),
    ],
)
def test_bad_answers_are_refused(space: ResNet9, answer: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        command(answer).evaluate(space, space.settled({}))


def test_command_that_cannot_run_or_hangs(space: ResNet9, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="it cannot be run"):
        CommandEvaluator([str(tmp_path / "none")]).evaluate(space, space.settled({}))
    with pytest.raises(EvaluationError, match=r"no answer within 0.2 s"):
        command("__import__('time').sleep(60)", timeout=0.2).evaluate(space, space.settled({}))
    with pytest.raises(EvaluationError, match="expected a list"):
        CommandEvaluator("echo 0.5")
    with pytest.raises(EvaluationError, match="above 0"):
        CommandEvaluator(["true"], timeout=0)


def test_command_sees_no_shell(space: ResNet9, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    program = [sys.executable, "-c", ANSWER % "0.5", f"; touch {mark}"]
    assert CommandEvaluator(program).evaluate(space, space.settled({})).value == 0.5
    assert not mark.exists()
