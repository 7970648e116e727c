"""TIES: task vectors trimmed, and entry by entry freed of those whose sign most of the mass is against.

    trim    t_i     the `density` largest magnitudes of theta_i - theta_0 over the whole model, else 0
    elect   s       sign(sum_i c_i t_i), entry by entry; 0 where the masses are equal
    merge   A       the members of sign s there

    theta(c) = theta_0 + sum_{i in A} c_i t_i                               average = "sum"
    theta(c) = theta_0 + sum_j c_j sum_{i in A} c_i t_i / sum_{i in A} c_i  average = "mean"

Source: Yadav et al., TIES-Merging: Resolving Interference When Merging Models, NeurIPS 2023. Their algorithm 1, with
its k and lambda, is `density` k, average "mean" and c_i = lambda / (number of members); "sum" is in their code.
Their code also keeps one entry more than the paper says, and gives entries of equal mass the sign of the majority;
here the paper's rule holds.

Why "sum" is the default: a mean brings in all that only member i has, however small c_i above 0 is, so theta jumps
at the faces of the box, and most entries do not answer to c. The paper keeps 0.2 of the entries of large models;
short trainings of small ones spread over more.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from search.errors import MergeError
from search.pareto.merge.tensors import based, combined, elected, names, wide

SPACE = {
    "density": {"low": 0.01, "high": 1.0, "default": 0.5},
    "average": {"choice": ["sum", "mean"], "default": "sum"},
}
SIMPLEX = False
NEEDS_BASE = True
GIVES_BACK = False


def merge(
    base: dict[str, Tensor] | None,
    states: list[dict[str, Tensor]],
    coefficients: Sequence[float],
    *,
    density: float = 0.5,
    average: str = "sum",
) -> dict[str, Tensor]:
    """theta_0 + the sum or mean of the trimmed steps that agree with the elected sign; coefficients >= 0.

    >>> import torch
    >>> base = {"w": torch.zeros(4)}
    >>> states = [{"w": torch.tensor([3.0, 4.0, 2.0, 0.1])}, {"w": torch.tensor([-9.0, 2.0, 0.1, 1.0])}]
    >>> merge(base, states, [0.5, 0.5], density=0.5, average="mean")["w"].tolist()
    [-9.0, 3.0, 0.0, 0.0]
    """
    base, factors = based(base, states, coefficients)
    if min(factors) < 0.0:
        raise MergeError("coefficients", expected="none below 0", got=factors)
    if not 0.0 < density <= 1.0:
        raise MergeError("density", expected="a share above 0 and at most 1", got=density)
    if average not in ("sum", "mean"):
        raise MergeError("average", expected="'sum' or 'mean'", got=average)
    cuts = [_cut(base, state, density) for state in states]

    def combine(name: str, tensors: list[Tensor]) -> Tensor:
        start, *members = map(wide, tensors)
        vectors = torch.stack([member - start for member in members])
        column = (-1,) + (1,) * start.ndim
        cut, shares = (torch.tensor(each, dtype=torch.float64).to(vectors).view(column) for each in (cuts, factors))
        steps = elected(shares * vectors.where(vectors.abs() >= cut, torch.zeros_like(vectors)))
        moved = steps.sum(0)
        if average == "mean":
            agreeing = (shares * (steps != 0)).sum(0)
            moved = moved * sum(factors) / agreeing.where(agreeing > 0, torch.ones_like(agreeing))
        return start + moved

    return combined([base, *states], combine)


@torch.no_grad()
def _cut(base: dict[str, Tensor], state: dict[str, Tensor], density: float) -> float:
    """The smallest magnitude that is kept; entries that are equal to it are all kept."""
    firsts = [together[0] for together in names([base, state]) if base[together[0]].is_floating_point()]
    sizes = [(wide(state[name]) - wide(base[name])).abs().flatten() for name in firsts]
    entries = torch.cat(sizes) if sizes else torch.zeros(0)
    dropped = len(entries) - max(1, round(density * len(entries)))
    return float(entries.kthvalue(dropped + 1).values) if dropped > 0 else 0.0
