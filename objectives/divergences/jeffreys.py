"""Jeffreys divergence KL(p to q) + KL(q to p) = sum (p - q) log(p/q), in nats. (..., c), (..., c) -> (...)

f(u) = (u - 1) log u. The sum of both directions, not their mean. Symmetric, unbounded.
Source: Jeffreys, An Invariant Form for the Prior Probability in Estimation Problems, 1946.
"""

from torch import Tensor

from objectives.divergences import forward_kl, reverse_kl

SPACE = {}


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    return forward_kl.divergence(p_logits, q_logits) + reverse_kl.divergence(p_logits, q_logits)
