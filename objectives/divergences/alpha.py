"""Alpha-divergence of order a: (sum p^a q^(1-a) - 1) / (a (a - 1)). (..., c), (..., c), order (...) -> (...)

f(u) = (u^a - a u + a - 1) / (a (a - 1)), for every real a. The order moves between the two KLs and past them:
a = 1 is KL(p to q), a = 0 is KL(q to p), a = 1/2 is 4 (1 - sum sqrt(pq)), a = 2 is half of Pearson's
chi-square, and D_a(p to q) = D_(1-a)(q to p). An order may sit at, or next to, a limit in one row and
anywhere in another.

Unbounded outside 0 < a < 1: where a term p^a q^(1-a) exceeds e^40 it goes on as the tangent of exp at 40,
linear in log p and log q: the value, its gradient and the gradient's square stay finite in float32.

Source: Cressie and Read, Multinomial Goodness-of-Fit Tests, 1984; Amari, Differential-Geometrical Methods in
Statistics, 1985; in distillation, Wang et al., AlphaNet: Improved Training of Supernets with
Alpha-Divergence, 2021.
"""

import torch
from torch import Tensor

SPACE = {"order": {"low": -1.0, "high": 2.0, "default": 0.5}}

EXPONENT_MAX = 40.0
NEAREST_STEP = 1e-20  # stands for a step of 0: below the rounding of float64, within the range of float32


def divergence(p_logits: Tensor, q_logits: Tensor, *, order: Tensor | float) -> Tensor:
    order = (order + p_logits.new_zeros(()))[..., None]
    log_p, log_q = p_logits.log_softmax(-1), q_logits.log_softmax(-1)
    # D_a(p to q) = D_(1-a)(q to p), so orders below 1/2 are mirrored and the limit at 0 becomes that at 1.
    mirrored = order < 0.5
    log_p, log_q = torch.where(mirrored, log_q, log_p), torch.where(mirrored, log_p, log_q)
    order = torch.where(mirrored, 1 - order, order)
    step = (order - 1).masked_fill(order == 1, NEAREST_STEP)
    exponent = step * (log_p - log_q)
    # p^a q^(1-a) - p = p (e^x - 1) = tanh(x/2) (p e^x + p): exact for small x, bounded for large x.
    terms = torch.tanh(exponent / 2) * (_bounded_exp(log_p + exponent) + log_p.exp())
    return (terms / (order * step)).sum(-1)


def _bounded_exp(x: Tensor) -> Tensor:
    return x.clamp(max=EXPONENT_MAX).exp() * (1 + torch.relu(x - EXPONENT_MAX))
