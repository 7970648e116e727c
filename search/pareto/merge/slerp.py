"""Spherical interpolation of k task vectors, tensor by tensor: between two of one length, none is lost.

    theta(c) = theta_0 + sum_i w_i(c) (theta_i - theta_0)        sum_i c_i = 1, c >= 0

    k = 2    w = (sin((1 - t) a), sin(t a)) / sin(a), c = (1 - t, t), a the angle between the task vectors
    any k    sum_i w_i u_i is the spherical mean of the directions u_i of the task vectors, the point q of the
             sphere of least sum_i c_i angle(q, u_i)^2, which at k = 2 is the line above

Sources: Shoemake, Animating Rotation with Quaternion Curves, 1985; for task vectors, layer by layer, Rame et al.,
WARP (arXiv 2406.16768); the mean of k and its iteration in the tangent space: Buss and Fillmore, Spherical
Averages and Applications to Spherical Splines and Interpolation, 2001, algorithm A1.

Why the spherical mean: pair after pair, slerp depends on the order of the members. Why about the base: fine-tuned
weights are nearly parallel, so there slerp is linear interpolation; their task vectors are not, and a mean of k
orthogonal ones has 1/sqrt(k) of their length.

The mean is sought in the span of the u_i, so w and all angles follow from their k x k cosines. Nearly parallel
ones have w = c by themselves. Where there is no angle or no shortest arc, with a task vector that is 0 or with some
that nearly cancel out, w = c.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from search.errors import MergeError
from search.pareto.merge.tensors import based, combined, total, wide

SPACE: dict[str, object] = {}
SIMPLEX = True
NEEDS_BASE = True
GIVES_BACK = True
OPPOSITE = -0.9995  # cosine of two task vectors below which the arc between them counts as undetermined
ROUNDS = 100  # of the iteration, which gains about a digit in two of them
STILL = 1e-12  # radians


def merge(
    base: dict[str, Tensor] | None, states: list[dict[str, Tensor]], coefficients: Sequence[float]
) -> dict[str, Tensor]:
    """theta_0 + sum_i w_i (theta_i - theta_0), on the sphere.

    >>> import torch
    >>> base, states = {"w": torch.zeros(2)}, [{"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([0.0, 1.0])}]
    >>> merge(base, states, [0.5, 0.5])["w"].square().sum().round(decimals=6).item()
    1.0
    """
    base, factors = based(base, states, coefficients)
    if min(factors) < 0.0 or abs(sum(factors) - 1.0) > 1e-6:
        raise MergeError("coefficients", expected="none below 0, and a sum of one", got=factors)
    read = [(state, factor) for state, factor in zip(states, factors, strict=True) if factor != 0.0]
    shares = torch.tensor([factor for _, factor in read], dtype=torch.float64)

    def combine(name: str, tensors: list[Tensor]) -> Tensor:
        found = spherical(_gram(tensors), shares).tolist() if len(tensors) > 2 else shares.tolist()
        return total(tensors, [1.0 - sum(found), *found])

    return combined([base, *(state for state, _ in read)], combine)


def spherical(gram: Tensor, shares: Tensor) -> Tensor:
    """(k,) factors of k vectors with inner products ``gram`` (k, k) and ``shares`` (k,) > 0 that sum to one.

    >>> right = torch.eye(2, dtype=torch.float64)
    >>> spherical(right, torch.tensor([0.5, 0.5], dtype=torch.float64)).square().round(decimals=9).tolist()
    [0.5, 0.5]
    """
    lengths = gram.diagonal().sqrt()
    if not bool((lengths > 0).all()):
        return shares
    cosines = (gram / torch.outer(lengths, lengths)).clamp(-1.0, 1.0).fill_diagonal_(1.0)
    square = shares @ cosines @ shares  # of the linear mean; at OPPOSITE that of two is (1 + cosine) / 2
    if bool((cosines < OPPOSITE).any()) or float(square) < (1.0 + OPPOSITE) / 2:
        return shares
    mean = shares / square.sqrt()
    for _ in range(ROUNDS):
        cosine = (cosines @ mean).clamp(-1.0, 1.0)
        # The tangent at q to u: angle / sin(angle) (u - cos(angle) q), all in the coordinates of the u.
        pull = shares / torch.sinc(cosine.arccos() / torch.pi)
        step = pull - (pull @ cosine) * mean
        length = (step @ cosines @ step).clamp_min(0.0).sqrt()
        if length < STILL:
            break
        mean = length.cos() * mean + length.sin() / length * step
    return mean


def _gram(tensors: Sequence[Tensor]) -> Tensor:
    """(k, k) inner products of the task vectors, of which the first of ``tensors`` is the base."""
    base, *members = map(wide, tensors)
    rows = torch.stack([(member - base).flatten().double() for member in members])
    return (rows @ rows.T).cpu()
