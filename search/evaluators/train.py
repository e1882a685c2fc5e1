"""Accuracies by training: the network that is simulated is the one that is trained."""

from __future__ import annotations

import hashlib
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..spaces.space import Choice, Space
from .accuracy import Accuracy, EvaluationError, Evaluator
from .datasets import Dataset, Split

if TYPE_CHECKING:
    from .torch_network import TorchNetwork


@dataclass(frozen=True, slots=True)
class Training:
    """How networks are trained: Adam with a cosine schedule.

    Attributes:
        epochs: at most.
        batch: images in one step.
        rate: of learning, at the start; it falls to 0 along half a cosine over all epochs.
        decay: of weights (decoupled, as in AdamW).
        patience: epochs without a better validation score after which training stops.
    """

    epochs: int = 30
    batch: int = 64
    rate: float = 3e-3
    decay: float = 1e-4
    patience: int = 8


@dataclass(frozen=True, slots=True)
class Run:
    """One training.

    Attributes:
        value: test accuracy, or mean test IoU over images, of the epoch best in validation.
        error: its standard error over the test images.
        epochs: that it took.
        seconds: of wall time, those before an interruption included.
    """

    value: float
    error: float
    epochs: int
    seconds: float


class TrainEvaluator(Evaluator):
    """Trains every network it is asked for, with PyTorch on the CPU.

    Labels are learnt by cross-entropy; masks by binary cross-entropy and soft Dice, and scored by
    the mean over images of intersection over union (1 where both are empty). What is reported is
    the test score of the epoch that was best in validation: the mean over seeds, with the sample
    standard deviation over seeds, or the standard error over test images if there is one seed.

    Args:
        dataset: whose images have the shape of the space's input.
        training: how.
        seeds: of weights and of the order of images.
        folder: of checkpoints, one written after every epoch; an interrupted training goes on, and
            a finished one is not repeated. None: nothing is kept.
        threads: of PyTorch.

    Raises:
        EvaluationError: there is no seed.
    """

    def __init__(
        self,
        dataset: Dataset,
        training: Training | None = None,
        *,
        seeds: tuple[int, ...] = (0,),
        folder: str | os.PathLike[str] | None = None,
        threads: int = 1,
    ) -> None:
        if not seeds:
            raise EvaluationError("training: seeds: expected at least one")
        self.dataset, self.training, self.seeds = dataset, training or Training(), seeds
        self.folder, self.threads = None if folder is None else Path(folder), threads
        self.source = f"trained on {dataset.name}, {self.training.epochs} epochs at most"

    def evaluate(self, space: Space, choice: Choice) -> Accuracy:
        """As `Evaluator.evaluate`: the mean over the seeds; uncertainty is their deviation, or the
        test set's sampling error where there is one seed."""
        runs = [self.run(space, choice, seed) for seed in self.seeds]
        values = [run.value for run in runs]
        spread = float(np.std(values, ddof=1)) if len(runs) > 1 else runs[0].error
        return Accuracy(
            float(np.mean(values)),
            f"{self.source}, {len(runs)} seed{'s' * (len(runs) > 1)}",
            spread,
            sum(run.seconds for run in runs),
        )

    def run(self, space: Space, choice: Choice, seed: int) -> Run:
        """Train one network with one seed."""
        torch = _torch()
        from .torch_network import TorchNetwork

        torch.set_num_threads(self.threads)
        key, model = space.encode(choice), space.to_onnx(choice)
        dims = model.graph.input[0].type.tensor_type.shape.dim
        expected = tuple(dim.dim_value for dim in dims)[1:]
        if expected != self.dataset.shape:
            raise EvaluationError(
                f"training on {self.dataset.name}: space {space.name} expects images of shape "
                f"{expected}, found {self.dataset.shape}; set the space's size and channels, or "
                "the size of the dataset"
            )
        session = _Session(self, TorchNetwork(model, seed), seed, self._file(space, key, seed))
        return session.run()

    def _file(self, space: Space, key: str, seed: int) -> Path | None:
        if self.folder is None:
            return None
        told = repr((space.name, key, seed, self.dataset.name, self.dataset.shape, self.training))
        return self.folder / f"{space.name}-{hashlib.sha256(told.encode()).hexdigest()[:20]}.pt"


class _Session:
    """One training under way, and its checkpoint."""

    def __init__(
        self, evaluator: TrainEvaluator, network: TorchNetwork, seed: int, file: Path | None
    ) -> None:
        self.torch = _torch()
        self.data, self.training = evaluator.dataset, evaluator.training
        self.network, self.seed, self.file = network, seed, file
        self.optimizer = self.torch.optim.AdamW(
            list(network.parameters.values()),
            lr=self.training.rate,
            weight_decay=self.training.decay,
        )
        self.epoch, self.seconds = 0, 0.0
        self.best, self.best_epoch = -math.inf, 0
        self.best_state = network.state()
        self._load()

    def run(self) -> Run:
        while self.epoch < self.training.epochs and not self._stale():
            start = time.perf_counter()
            self._train()
            self.epoch += 1
            score = float(np.mean(self._scores(self.data.validation)))
            if score > self.best:
                self.best, self.best_epoch = score, self.epoch
                self.best_state = self.network.state()
            self.seconds += time.perf_counter() - start
            self._save()
        self.network.restore(self.best_state)
        scores = self._scores(self.data.test)
        error = float(np.std(scores) / math.sqrt(len(scores)))
        return Run(float(np.mean(scores)), error, self.epoch, self.seconds)

    def _stale(self) -> bool:
        return self.epoch - self.best_epoch >= self.training.patience

    def _train(self) -> None:
        """One epoch. Its order of images depends on the seed and the epoch alone."""
        torch, split = self.torch, self.data.train
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(split.images))
        batches = np.array_split(order, max(1, round(len(order) / self.training.batch)))
        for index, batch in enumerate(batches):
            done = (self.epoch + index / len(batches)) / self.training.epochs
            for group in self.optimizer.param_groups:
                group["lr"] = self.training.rate * 0.5 * (1 + math.cos(math.pi * done))
            self.optimizer.zero_grad(set_to_none=True)
            outputs = self.network(torch.from_numpy(split.images[batch]), training=True)
            self._loss(outputs, torch.from_numpy(split.targets[batch])).backward()
            self.optimizer.step()

    def _loss(self, outputs: Any, targets: Any) -> Any:
        f = self.torch.nn.functional
        if self.data.task == "classification":
            return f.cross_entropy(outputs, targets)
        inside = outputs.sigmoid()
        both = (inside * targets).sum(dim=(1, 2, 3))
        total = inside.sum(dim=(1, 2, 3)) + targets.sum(dim=(1, 2, 3))
        dice = 1 - (2 * both + 1) / (total + 1)
        return f.binary_cross_entropy_with_logits(outputs, targets) + dice.mean()

    def _scores(self, split: Split) -> npt.NDArray[np.float64]:
        """Of every image: whether its label is right, or its intersection over union."""
        torch, found = self.torch, []
        with torch.no_grad():
            for start in range(0, len(split.images), 256):
                part = slice(start, start + 256)
                outputs = self.network(torch.from_numpy(split.images[part])).numpy()
                found.append(score(outputs, split.targets[part]))
        return np.concatenate(found)

    def _save(self) -> None:
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self.network.state(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_state": self.best_state,
        }
        partial = self.file.with_suffix(f".{os.getpid()}.partial")
        self.torch.save(state, partial)
        partial.replace(self.file)  # at once, so that an interruption leaves the last one whole

    def _load(self) -> None:
        if self.file is None or not self.file.exists():
            return
        state = self.torch.load(self.file, weights_only=True)
        self.network.restore(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.seconds = state["epoch"], state["seconds"]
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.best_state = state["best_state"]


def score(outputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Scores of images, shape (n,).

    Args:
        outputs: (n, classes), or (n, 1, rows, columns) before the sigmoid.
        targets: labels (n,), or masks (n, 1, rows, columns).
    """
    if targets.ndim == 1:
        right: npt.NDArray[np.float64] = (outputs.argmax(axis=1) == targets).astype(np.float64)
        return right
    inside, wanted = outputs > 0, targets > 0.5
    both = np.logical_and(inside, wanted).sum(axis=(1, 2, 3))
    either = np.logical_or(inside, wanted).sum(axis=(1, 2, 3))
    shares: npt.NDArray[np.float64] = np.where(either == 0, 1.0, both / np.maximum(either, 1))
    return shares


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise EvaluationError(
            "training: PyTorch is not installed; pip install 'chiploom[train]'"
        ) from error
    return torch
