"""Mean KL(reference to model), in nats. logits (k, n, c), reference_logits (n, c) or (k, n, c) -> (k,)

How far a model has moved from the one it should stay near, example by example. Unbounded, so its limit is a
convention: log 10, the price of answering uniformly where the reference is sure of one of ten classes.
"""

import torch
from torch import Tensor

from objectives.divergences import forward_kl

NEEDS = ("logits", "reference_logits")
UNIT = "nats"
DIRECTION = "min"
LIMITS = (0.0, 2.302585)
BOUNDS = (0.0, None)
SPACE = {}


def measure(outputs) -> Tensor:
    logits = outputs["logits"]
    distances = forward_kl.divergence(outputs["reference_logits"], logits)
    return distances.mean(-1, dtype=torch.float64).to(logits.dtype)
