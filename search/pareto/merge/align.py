"""Models that did not start from one base, aligned: hidden units are permuted until their weights agree.

A hidden unit has no place of its own. If P permutes the units of a layer, (P W, P b) before and W' P^T behind it are
the same function, so of all the models that one model is, that is taken which is nearest to another:

    max over P_1 ... P_L  sum_l <W_l, P_l V_l P_(l-1)^T>        P_0 and the last are fixed

By coordinate descent, one layer's permutation after the other, each an assignment problem that is solved exactly, in
an order that a seed draws, until none changes. Source: Ainsworth, Hayase, Srinivasa, Git Re-Basin: Merging Models
modulo Permutation Symmetries, ICLR 2023, algorithm 1.

For a plain sequence of linear or convolutional layers, with whatever acts on each unit alone between them, pooling, a
flattening of (channels, places) and batch or layer norms. What a state dict cannot say, nothing here can see: with
skip connections, attention or norms over groups of channels the function changes.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from search.errors import MergeError
from search.pareto.merge import check
from search.pareto.merge.tensors import wide

ROUNDS = 100  # over all layers; a few are enough


@torch.no_grad()
def aligned(state: Mapping[str, Tensor], to: Mapping[str, Tensor], *, seed: int = 0) -> dict[str, Tensor]:
    """The model ``state`` with its hidden units in the order that brings its weights nearest to those of ``to``.

    The same function; tensors of a permuted layer are new, others shared. MergeError: tensors that differ in shape, or
    no sequence.

    >>> model = {"0.weight": torch.tensor([[1.0], [2.0]]), "2.weight": torch.tensor([[3.0, 4.0]])}
    >>> other = {"0.weight": torch.tensor([[2.1], [1.0]]), "2.weight": torch.tensor([[4.2, 3.0]])}
    >>> aligned(model, other)["2.weight"].tolist()
    [[4.0, 3.0]]
    """
    check(None, [to, state])
    found, rng = dict(state), np.random.default_rng(seed)
    layers = _layers(state)
    for _ in range(ROUNDS):
        still = True
        for at in rng.permutation(len(layers) - 1):
            rows, columns = layers[at], layers[at + 1][0]
            units = len(state[rows[0]])
            likeness = sum(_rows(to[name], units) @ _rows(found[name], units).T for name in rows)
            likeness = likeness + _columns(to[columns], units) @ _columns(found[columns], units).T
            order = _assigned(likeness.cpu().numpy())
            if order is None:
                continue
            still = False
            index = torch.from_numpy(order).to(found[columns].device)
            for name in rows:
                found[name] = found[name][index]
            found[columns] = _split(found[columns], units)[:, index].reshape(found[columns].shape)
        if still:
            break
    return found


def _assigned(likeness: NDArray[np.float64]) -> NDArray[np.intp] | None:
    """(n,): which unit comes to each place; None where no order is better than the one there is."""
    _, order = linear_sum_assignment(likeness, maximize=True)
    gained = likeness[np.arange(len(order)), order].sum() - np.trace(likeness)
    return order if gained > 1e-9 * np.abs(likeness).max() else None


def _rows(tensor: Tensor, units: int) -> Tensor:
    return wide(tensor).double().reshape(units, -1)


def _columns(tensor: Tensor, units: int) -> Tensor:
    """(units, rest): what each unit feeds; after a flattening a unit has several columns, side by side."""
    return _split(wide(tensor).double(), units).transpose(0, 1).reshape(units, -1)


def _split(tensor: Tensor, units: int) -> Tensor:
    """(out, in, ...) -> (out, units, in / units, ...)."""
    return tensor.reshape(len(tensor), units, -1, *tensor.shape[2:])


def _layers(state: Mapping[str, Tensor]) -> list[list[str]]:
    """Layer by layer the names of its weight, then of all vectors that have an entry for each of its units."""
    found: list[list[str]] = []
    for name, tensor in state.items():
        if tensor.ndim > 1:
            if found and tensor.shape[1] % len(state[found[-1][0]]):
                expected = f"a layer behind {found[-1][0]!r}, which has {len(state[found[-1][0]])} units"
                raise MergeError(name, expected=expected, got=tuple(tensor.shape), hint="Only sequences are aligned.")
            found.append([name])
        elif tensor.ndim == 1:
            if not found or len(tensor) != len(state[found[-1][0]]):
                expected = "a vector of one number for each unit of the weights before it"
                raise MergeError(name, expected=expected, got=tuple(tensor.shape), hint="Only sequences are aligned.")
            found[-1].append(name)
    if not found:
        raise MergeError("state", expected="at least one weight matrix", got=sorted(state))
    return found
