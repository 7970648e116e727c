"""Squared Hellinger distance sum (sqrt p - sqrt q)^2 = 2 (1 - sum sqrt(pq)). (..., c), (..., c) -> (...)

f(u) = (sqrt u - 1)^2, without the factor 1/2 of some texts: between 0 and 2. Symmetric.
Source: Hellinger, Neue Begruendung der Theorie quadratischer Formen, 1909; Sason and Verdu, f-Divergence
Inequalities, 2016.
"""

from torch import Tensor

SPACE = {}


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    root_p, root_q = (p_logits.log_softmax(-1) / 2).exp(), (q_logits.log_softmax(-1) / 2).exp()
    return (root_p - root_q).square().sum(-1)
