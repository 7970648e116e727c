"""TIES: task vectors trimmed, and freed of the entries whose sign most of the mass is against.

    trim    t_i     the `density` largest magnitudes of theta_i - theta_0 over the whole model, else 0
    elect   s       sign(sum_i t_i), entry by entry; 0 where the masses are equal
    merge   A       the members of sign s there; the disjoint mean is m = sum_{i in A} t_i / |A|

    theta(c) = theta_0 + scale sum_{i in A} c_i t_i / |A|

Source: Yadav et al., TIES-Merging: Resolving Interference When Merging Models, NeurIPS 2023, algorithm 1, which is c
of ones (there `density` is k and `scale` is lambda). Their code keeps one entry more than it says and gives
entries of equal mass the sign of the majority; this is the paper's rule.

Why all members vote and count alike, whatever c: then theta is linear in c, as in task arithmetic, and losses are
as smooth in c as a surrogate needs. Weights in the vote would make signs flip, and weights in the mean would let a
member of coefficient 1e-9 bring in all of its entries that no other has.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from search.errors import MergeError
from search.pareto.merge import check
from search.pareto.merge.tensors import combined, names, weights, wide

SPACE = {
    "density": {"low": 0.01, "high": 1.0, "default": 0.2},
    "scale": {"low": 0.1, "high": 3.0, "default": 1.0},
}
SIMPLEX = False
NEEDS_BASE = True
GIVES_BACK = False


def merge(
    base: dict[str, Tensor] | None,
    states: list[dict[str, Tensor]],
    coefficients: Sequence[float],
    *,
    density: float = 0.2,
    scale: float = 1.0,
) -> dict[str, Tensor]:
    """theta_0 + scale sum_{i in A} c_i t_i / |A|.

    >>> import torch
    >>> base = {"w": torch.zeros(4)}
    >>> states = [{"w": torch.tensor([3.0, 4.0, 2.0, 0.1])}, {"w": torch.tensor([-9.0, 2.0, 0.1, 1.0])}]
    >>> merge(base, states, [1.0, 1.0], density=0.5)["w"].tolist()
    [-9.0, 3.0, 0.0, 0.0]
    """
    if base is None:
        raise MergeError("base", expected="a base to take task vectors from", hint="Or merge them with linear.")
    check(base, states)
    factors = weights(coefficients, len(states))
    if not 0.0 < density <= 1.0:
        raise MergeError("density", expected="a share above 0 and at most 1", got=density)
    if not abs(scale) < float("inf"):
        raise MergeError("scale", expected="a finite number", got=scale)
    cuts = [_cut(base, state, density) for state in states]

    def combine(name: str, tensors: list[Tensor]) -> Tensor:
        start, *members = map(wide, tensors)
        vectors = torch.stack([member - start for member in members])
        column = (-1,) + (1,) * start.ndim
        vectors[vectors.abs() < torch.tensor(cuts, dtype=vectors.dtype, device=start.device).view(column)] = 0.0
        sign = vectors.sum(0).sign()
        vectors[vectors.sign() != sign] = 0.0
        count = vectors.count_nonzero(0).clamp_min(1)
        shares = torch.tensor(factors, dtype=vectors.dtype, device=start.device).view(column)
        return start + scale * (shares * vectors).sum(0) / count

    return combined([base, *states], combine)


@torch.no_grad()
def _cut(base: dict[str, Tensor], state: dict[str, Tensor], density: float) -> float:
    """The smallest magnitude that is kept; entries that are equal to it are all kept."""
    firsts = [together[0] for together in names([base, state]) if base[together[0]].is_floating_point()]
    sizes = [(wide(state[name]) - wide(base[name])).abs().flatten() for name in firsts]
    entries = torch.cat(sizes) if sizes else torch.zeros(0)
    dropped = len(entries) - max(1, round(density * len(entries)))
    return float(entries.kthvalue(dropped + 1).values) if dropped > 0 else 0.0
