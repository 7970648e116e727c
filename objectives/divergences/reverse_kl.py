"""Reverse Kullback-Leibler divergence KL(q to p) = sum q log(q/p), in nats. (..., c), (..., c) -> (...)

f(u) = -log u. The expectation is the model's: it may leave out what the target does, but pays for what the
target does not do. Unbounded.
Source: Kullback and Leibler, On Information and Sufficiency, 1951; in distillation, Gu et al., MiniLLM:
Knowledge Distillation of Large Language Models, 2024.
"""

from torch import Tensor

from objectives.divergences import forward_kl

SPACE = {}


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    return forward_kl.divergence(q_logits, p_logits)
