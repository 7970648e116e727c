"""Tsallis divergence of order a > 0. (..., c), (..., c), order (...) -> (...)

-sum p log_a(q/p) with log_a x = (x^(1-a) - 1) / (1 - a). That is (sum p^a q^(1-a) - 1) / (a - 1), the
alpha-divergence of the same order times a, with its precision and its bound (a term that exceeds e^40 goes on
linearly). a = 1 is KL(p to q), a = 2 is Pearson's chi-square sum p^2/q - 1, a = 1/2 is 2 (1 - sum sqrt(pq)).
It vanishes for every p and q as a goes to 0. The paper's letter for the order is q.

Source: Tsallis, Generalized Entropy-Based Criterion for Consistent Testing, 1998; as a regulariser of
policies, Zhu et al., Generalized Munchausen Reinforcement Learning using Tsallis KL Divergence, 2023.
"""

from torch import Tensor

from objectives.divergences import alpha

SPACE = {"order": {"low": 0.25, "high": 3.0, "default": 1.0}}


def divergence(p_logits: Tensor, q_logits: Tensor, *, order: Tensor | float) -> Tensor:
    return order * alpha.divergence(p_logits, q_logits, order=order)
