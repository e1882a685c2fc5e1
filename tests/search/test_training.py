"""Training: the network is the space's, and a run is repeatable, resumable and better than none."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from chiploom.search.evaluators import (
    Dataset,
    EvaluationError,
    TrainEvaluator,
    Training,
    load_dataset,
    load_table,
    make_dataset,
)
from chiploom.search.evaluators.train import score
from chiploom.search.spaces import Choice, ResNet9, Space, UNet, load_space

SMALL = ResNet9(size=8, channels=1, classes=2)
CHOICE = SMALL.settled({"stem": 8, "skips1": 1})
FAST = Training(epochs=4, batch=32, patience=4)


def stripes(count: int = 120) -> Dataset:
    """Rows or columns of light, with noise: labels tell which."""
    random = np.random.default_rng(0)
    images = random.normal(0, 0.3, (count, 8, 8))
    labels = np.arange(count) % 2
    images[labels == 0, ::2] += 1
    images[labels == 1, :, ::2] += 1
    return make_dataset("stripes", images, labels)


def squares(count: int = 60) -> Dataset:
    """Light squares on a dark ground, and their masks."""
    random = np.random.default_rng(0)
    masks = np.zeros((count, 16, 16), np.uint8)
    for mask in masks:
        row, column = random.integers(0, 10, 2)
        mask[row : row + 6, column : column + 6] = 1
    return make_dataset("squares", masks + random.normal(0, 0.2, masks.shape), masks)


def torch_is_there() -> None:
    pytest.importorskip("torch", reason="training needs PyTorch: pip install 'chiploom[train]'")


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_learns_and_says_how_sure_it_is(task: str) -> None:
    torch_is_there()
    space: Space
    choice: Choice
    if task == "classification":
        data, space, choice, chance = stripes(), SMALL, CHOICE, 0.5
        training = FAST
    else:
        space = UNet(16)
        data, choice, chance = squares(), space.settled({"height": 2}), 0.14  # 36 of 256 pixels
        training = Training(epochs=30, batch=8, rate=1e-2)
    found = TrainEvaluator(data, training).evaluate(space, choice)
    assert found.value > chance + 0.3
    assert found.uncertainty is not None
    assert 0 <= found.uncertainty < 0.2
    assert found.seconds > 0
    assert data.name in found.source
    assert data.task == task


def test_equal_seeds_give_equal_runs_and_several_a_spread() -> None:
    torch_is_there()
    short = Training(epochs=1, batch=32)
    evaluator = TrainEvaluator(stripes(), short, seeds=(0, 1))
    first, second = evaluator.run(SMALL, CHOICE, 0), evaluator.run(SMALL, CHOICE, 1)
    again = evaluator.evaluate(SMALL, CHOICE)
    assert again.value == pytest.approx((first.value + second.value) / 2)
    assert again.uncertainty == pytest.approx(abs(first.value - second.value) / 2**0.5)
    assert again.source.endswith("2 seeds")


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch_is_there()
    from chiploom.search.evaluators import train

    whole = TrainEvaluator(stripes(), FAST).run(SMALL, CHOICE, 0)
    original = train._Session._save

    def stop(session: train._Session) -> None:
        original(session)
        if session.epoch == 2:
            raise KeyboardInterrupt

    evaluator = TrainEvaluator(stripes(), FAST, folder=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(train._Session, "_save", stop)
        with pytest.raises(KeyboardInterrupt):
            evaluator.run(SMALL, CHOICE, 0)
    assert len(list(tmp_path.iterdir())) == 1
    resumed = evaluator.run(SMALL, CHOICE, 0)
    assert (resumed.value, resumed.error, resumed.epochs) == (whole.value, whole.error, 4)
    with monkeypatch.context() as patch:  # a finished one is not repeated
        patch.setattr(train._Session, "_train", lambda session: pytest.fail("trained again"))
        assert evaluator.run(SMALL, CHOICE, 0).value == whole.value


def test_stops_early_and_reports_the_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch_is_there()
    from chiploom.search.evaluators import train

    monkeypatch.setattr(train._Session, "_train", lambda session: None)  # nothing gets better
    found = TrainEvaluator(stripes(), Training(epochs=50, patience=3)).run(SMALL, CHOICE, 0)
    assert found.epochs == 1 + 3


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet9", {}),
        ("unet", {"size": 32}),
        ("nasbench201", {}),
        ("nasbench-macro", {}),
        ("mobilenetv3", {"resolutions": (64,)}),
        ("mnasnet", {"size": 64}),
    ],
)
def test_network_computes_what_onnx_does(name: str, options: dict[str, object]) -> None:
    """With the same weights, ONNX Runtime gives the same outputs."""
    torch_is_there()
    import torch

    from chiploom.search.evaluators.torch_network import TorchNetwork

    space = load_space(name, **options)
    model = space.to_onnx(space.sample(np.random.default_rng(2)))
    network = TorchNetwork(model)
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    network(torch.cat([x, 1 - x]), training=True)  # moves the running means
    weights = {**network.parameters, **network.buffers}
    for tensor in model.graph.initializer:
        value = weights[tensor.name].detach().numpy()
        tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (expected,) = session.run(None, {"input": x.numpy()})
    with torch.no_grad():
        found = network(x).numpy()
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_operators_that_are_not_covered_are_named() -> None:
    torch_is_there()
    from chiploom.search.evaluators.torch_network import TorchNetwork

    space = load_space("transformer", tokens=4)
    with pytest.raises(EvaluationError, match=r"operators .*LayerNormalization.* not covered"):
        TorchNetwork(space.to_onnx(space.settled({})))


def test_images_of_another_shape_are_refused() -> None:
    torch_is_there()
    with pytest.raises(EvaluationError, match=r"images of shape \(3, 32, 32\), found \(1, 8, 8\)"):
        TrainEvaluator(stripes(), FAST).evaluate(ResNet9(), ResNet9().settled({}))


def test_scores() -> None:
    assert score(np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([1, 1])).tolist() == [1, 0]
    outputs = np.array([[1.0, 1.0, -1.0, -1.0], [-1.0] * 4]).reshape(2, 1, 2, 2)
    masks = np.array([[1.0, 0.0, 1.0, 0.0], [0.0] * 4]).reshape(2, 1, 2, 2)
    assert score(outputs, masks) == pytest.approx([1 / 3, 1])


def test_splits_are_disjoint_and_whole() -> None:
    images = np.arange(100.0)[:, None, None] * np.ones((1, 4, 4))
    data = make_dataset("numbers", images, np.arange(100) % 3)
    found = np.concatenate([s.images[:, 0, 0, 0] for s in (data.train, data.validation, data.test)])
    assert len(np.unique(found)) == 100
    assert (len(data.test.images), len(data.validation.images), data.classes) == (20, 15, 3)
    assert abs(data.train.images.mean()) < 1e-5
    assert data.train.images.std() == pytest.approx(1, abs=1e-5)


def test_resizing() -> None:
    images = np.arange(16.0).reshape(1, 4, 4).repeat(10, axis=0)
    masks = (images > 9).astype(np.uint8)
    small = make_dataset("m", images, masks, size=2)
    assert small.shape == (1, 2, 2)
    assert small.train.targets[0, 0].tolist() == [[0, 0], [1, 1]]
    assert make_dataset("m", images, masks, size=6).train.targets[0, 0].sum() == masks[0].sum()
    with pytest.raises(EvaluationError, match="expected a divisor of 4x4"):
        make_dataset("m", images, masks, size=3)


def test_files_and_folders(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (12, 8, 8), dtype=np.uint8)
    masks = images > 100
    np.savez(tmp_path / "plain.npz", x=images, y=np.arange(12) % 4)
    assert load_dataset(str(tmp_path / "plain.npz")).classes == 4
    packed = np.packbits(masks.reshape(12, -1), axis=1)
    np.savez(tmp_path / "packed.npz", x_gray=images, y_mask_packed=packed)
    np.savez(tmp_path / "same.npz", x=images, y=masks)
    one, other = (load_dataset(str(tmp_path / name)) for name in ("packed.npz", "same.npz"))
    assert (one.test.targets == other.test.targets).all()
    np.savez(tmp_path / "none.npz", z=images)
    with pytest.raises(EvaluationError, match="expected arrays x and y, found z"):
        load_dataset(str(tmp_path / "none.npz"))
    with pytest.raises(EvaluationError, match="expected digits, mnist5000"):
        load_dataset("imagenet")
    pillow = pytest.importorskip("PIL.Image", reason="folders of images need pillow")
    for index, image in enumerate(images):
        folder = tmp_path / "images" / f"class{index % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        pillow.fromarray(image).save(folder / f"{index}.png")
    data = load_dataset(str(tmp_path / "images"))
    assert (data.shape, data.classes) == ((3, 8, 8), 3)


def test_bad_arrays_are_refused() -> None:
    with pytest.raises(EvaluationError, match="at least 10 images"):
        make_dataset("few", np.zeros((3, 4, 4)), np.zeros(3))
    with pytest.raises(EvaluationError, match=r"labels .* or masks"):
        make_dataset("odd", np.zeros((10, 4, 4)), np.zeros((10, 2, 2)))


def test_nuclei(shared: Path) -> None:
    data = load_dataset(str(shared / "data" / "nuclei_dsb2018_128.npz"), size=64)
    assert data.shape == (1, 64, 64)
    assert data.task == "segmentation"
    total = sum(len(part.images) for part in (data.train, data.validation, data.test))
    assert total == 664
    assert 0.05 < data.train.targets.mean() < 0.4


def test_a_table_is_measured_and_taken_up_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch_is_there()
    from chiploom.search.measure_tables import main

    stripes_file, out = tmp_path / "stripes.npz", tmp_path / "tables" / "out.csv"
    data = stripes()
    images = np.concatenate([s.images for s in (data.train, data.validation, data.test)])
    labels = np.concatenate([s.targets for s in (data.train, data.validation, data.test)])
    np.savez(stripes_file, x=images[:, 0], y=labels)
    call = ["resnet9", "--dataset", str(stripes_file), "--out", str(out), "--epochs", "1"]
    small = ["--count", "2", "--most-macs", "1e6", "--seeds", "0", "1"]
    assert main([*call, *small]) == 0
    first = out.read_text()
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["seed"] for row in rows] == ["0", "1"] * 2
    space = ResNet9(size=8, channels=1, classes=2)
    for row in rows:
        assert space.build(space.decode(row["key"])).macs == int(row["macs"]) <= 1e6
    table = load_table(out, space)
    found = table.evaluate(space, space.decode(rows[0]["key"]))
    accuracies = [float(row["accuracy"]) for row in rows[:2]]
    assert found.value == pytest.approx(sum(accuracies) / 2)
    assert main([*call, *small]) == 0
    assert out.read_text() == first
    assert "0 of 4 trainings to do" in capsys.readouterr().out
    assert main([*call, "--count", "1", "--most-macs", "10"]) == 2
    assert "found 0; ask for fewer" in capsys.readouterr().err
    out.write_text("a,b\n")
    assert main([*call, *small]) == 2
    assert "expected columns key, seed" in capsys.readouterr().err
