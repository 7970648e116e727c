"""Renyi divergence of order a > 0, in nats. (..., c), (..., c), order (...) -> (...)

log(sum p^a q^(1-a)) / (a - 1), never decreasing in a. a = 1 is KL(p to q), a = 1/2 is -2 log sum sqrt(pq),
a = 2 is log(1 + Pearson's chi-square). It vanishes for every p and q as a goes to 0.
Unbounded, but a logarithm: nothing is capped.

Source: Renyi, On Measures of Entropy and Information, 1961; van Erven and Harremoes, Renyi Divergence and
Kullback-Leibler Divergence, 2014 (orders, limits, data processing).
"""

import torch
from torch import Tensor

from objectives.divergences import alpha, tsallis

SPACE = {"order": {"low": 0.1, "high": 3.0, "default": 0.5}}


def divergence(p_logits: Tensor, q_logits: Tensor, *, order: Tensor | float) -> Tensor:
    order = order + p_logits.new_zeros(())
    step = (order - 1).masked_fill(order == 1, alpha.NEAREST_STEP)
    log_p, log_q = p_logits.log_softmax(-1), q_logits.log_softmax(-1)
    log_sum = (log_q + order[..., None] * (log_p - log_q)).logsumexp(-1)
    # A sum near 1 would lose its logarithm to rounding, and dividing by a small step would show it.
    excess = step * tsallis.divergence(p_logits, q_logits, order=order)
    near = excess.abs() < 0.5
    return torch.where(near, excess.where(near, 0.0).log1p(), log_sum) / step
