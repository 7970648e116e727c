"""Jensen-Shannon divergence, KL from p and from q to their mean, in nats. (..., c), (..., c) -> (...)

(KL(p to m) + KL(q to m)) / 2 with m = (p + q) / 2, so f(u) = (u log u - (u + 1) log((u + 1) / 2)) / 2.
The halved convention of Lin: symmetric, bounded by log 2. Some tables list twice this f under the name.
Source: Lin, Divergence Measures Based on the Shannon Entropy, 1991.
"""

import math

import torch
from torch import Tensor

from objectives.divergences import forward_kl

SPACE = {}


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    mixture = torch.logaddexp(p_logits.log_softmax(-1), q_logits.log_softmax(-1)) - math.log(2)
    return (forward_kl.divergence(p_logits, mixture) + forward_kl.divergence(q_logits, mixture)) / 2
