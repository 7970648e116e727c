"""Pearson's chi-square divergence sum (p - q)^2 / q = sum p^2/q - 1. (..., c), (..., c) -> (...)

f(u) = (u - 1)^2. Twice the alpha-divergence of order 2, with its precision and its bound (a term p^2/q that
exceeds e^40 goes on linearly). Missing a class of the target costs more than in any KL. Unbounded.
Source: Pearson, On the Criterion that a Given System of Deviations from the Probable, 1900; Cressie and Read,
Multinomial Goodness-of-Fit Tests, 1984.
"""

from torch import Tensor

from objectives.divergences import alpha

SPACE = {}


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    return 2 * alpha.divergence(p_logits, q_logits, order=2.0)
