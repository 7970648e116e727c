"""Total variation distance sum |p - q| / 2, a share between 0 and 1. (..., c), (..., c) -> (...)

f(u) = |u - 1| / 2. The largest difference of p and q on any set of classes. A symmetric metric, not smooth
where p = q in a class: its gradient there is taken as 0.
Source: Sason and Verdu, f-Divergence Inequalities, 2016.
"""

from torch import Tensor

SPACE = {}


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    return (p_logits.softmax(-1) - q_logits.softmax(-1)).abs().sum(-1) / 2
