"""Handwritten digits, 8 x 8 pixels: 1797 images of 64 numbers in [0, 1], ten classes.

Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (UCI), 1998, as shipped with scikit-
learn.
"""

from __future__ import annotations

import functools

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from trainers.cached import fingerprint as content

CLASSES = 10
SIZES = {"train": 1000, "choose": 397, "report": 400}  # images
SEED = 1998


@functools.cache
def load() -> dict[str, tuple[Tensor, Tensor]]:
    """Split -> inputs (n, 64) float32 in [0, 1], labels (n,) int64. Stratified; the same split for ever."""
    images, labels = load_digits(return_X_y=True)
    inputs, labels = torch.tensor(images / 16.0, dtype=torch.float32), torch.tensor(labels, dtype=torch.int64)
    rest, train = _divide(range(len(labels)), labels, SIZES["train"])
    choose, report = _divide(rest, labels, SIZES["report"])
    indices = {"train": train, "choose": choose, "report": report}
    return {split: (inputs[index], labels[index]) for split, index in indices.items()}


def _divide(index, labels: Tensor, size: int) -> tuple[list[int], list[int]]:
    """The rest and `size` of the indices, each with the classes in equal shares."""
    rest, taken = train_test_split(list(index), test_size=size, random_state=SEED, stratify=labels[list(index)])
    return sorted(rest), sorted(taken)


@functools.cache
def fingerprint() -> str:
    """sha256 of the content of all splits."""
    splits = load().items()
    return content({f"{split}.{part}": pair[part] for split, pair in splits for part in range(len(pair))})
