"""DARE: each entry of a task vector is dropped with probability p, and the rest divided by 1 - p.

    theta(c) = theta_0 + sum_i c_i m_i (theta_i - theta_0) / (1 - p),    m_i = 0 with probability p, else 1

The mean over masks is task arithmetic; entries of which few members are left interfere less. Source: Yu et al.,
Language Models are Super Mario: Absorbing Abilities from Homologous Models as a Free Lunch, ICML 2024, equation 2.
They drop 0.9 and more, which large models whose weights barely moved bear and small ones do not.

The masks are no noise to a search: m_i follows from the seed, the name and the values of theta_i alone, so it is
the same whatever c, on any device, and moves with its member when members change places.
"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from search.errors import MergeError
from search.pareto.merge.tensors import based, combined, wide

SPACE = {
    "drop": {"low": 0.0, "high": 0.99, "default": 0.3},
    "seed": {"low": 0, "high": 2147483647, "integer": True, "default": 0},
}
SIMPLEX = False
NEEDS_BASE = True
GIVES_BACK = False


def merge(
    base: dict[str, Tensor] | None,
    states: list[dict[str, Tensor]],
    coefficients: Sequence[float],
    *,
    drop: float = 0.3,
    seed: int = 0,
) -> dict[str, Tensor]:
    """theta_0 + sum_i c_i m_i (theta_i - theta_0) / (1 - drop).

    >>> import torch
    >>> base, states = {"w": torch.zeros(8)}, [{"w": torch.ones(8)}]
    >>> sorted(set(merge(base, states, [1.0], drop=0.5)["w"].tolist()))
    [0.0, 2.0]
    """
    base, factors = based(base, states, coefficients)
    if not 0.0 <= drop < 1.0:
        raise MergeError("drop", expected="a probability below 1", got=drop)

    def combine(name: str, tensors: list[Tensor]) -> Tensor:
        start = wide(tensors[0])
        found = start.clone()
        for tensor, factor in zip(tensors[1:], factors, strict=True):
            if factor != 0.0:
                member = wide(tensor)
                found.add_((member - start) * _kept(member, name, drop, seed), alpha=factor / (1.0 - drop))
        return found

    return combined([base, *states], combine)


def _kept(tensor: Tensor, name: str, drop: float, seed: int) -> Tensor:
    """A mask of the tensor's shape, drawn on the CPU from a stream that its name and values begin."""
    values = tensor.cpu()
    digest = hashlib.blake2b(f"{seed} {name} {tuple(values.shape)}".encode(), digest_size=8)
    digest.update(values.numpy().tobytes())
    stream = torch.Generator().manual_seed(int.from_bytes(digest.digest(), "big") >> 1)
    return (torch.rand(values.shape, generator=stream) >= drop).to(tensor.device)
