"""Kullback-Leibler divergence KL(p to q) = sum p log(p/q), in nats. (..., c), (..., c) -> (...)

f(u) = u log u. The gradient in the model's logits is q - p: it has to cover what the target does. Unbounded.
Source: Kullback and Leibler, On Information and Sufficiency, 1951; in distillation, Hinton, Vinyals and Dean,
Distilling the Knowledge in a Neural Network, 2015.
"""

from torch import Tensor

SPACE = {}


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    log_p, log_q = p_logits.log_softmax(-1), q_logits.log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)
