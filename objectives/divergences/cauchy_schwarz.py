"""Cauchy-Schwarz divergence -log((p.q)^2 / ((p.p) (q.q))), in nats. (..., c), (..., c) -> (...)

-2 log of the cosine between p and q as vectors: zero iff p = q by the Cauchy-Schwarz inequality. Symmetric,
unbounded. It is no f-divergence: merging two classes can increase it.
Source: Principe, Xu and Fisher, Information-Theoretic Learning, 2000; Yu et al., Cauchy-Schwarz Divergence
Information Bottleneck for Regression, 2024.
"""

from torch import Tensor

SPACE = {}


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    log_p, log_q = p_logits.log_softmax(-1), q_logits.log_softmax(-1)
    return (2 * log_p).logsumexp(-1) + (2 * log_q).logsumexp(-1) - 2 * (log_p + log_q).logsumexp(-1)
