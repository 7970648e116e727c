"""Mean negative log-likelihood of the labels, in nats. logits (k, n, c), labels (n,) or (k, n) -> (k,)

mean -log q(label), the cross-entropy. Unbounded, so its limit is a convention: log 10, what a model that
knows nothing pays for each of ten equally likely classes. With c classes, log c says the same.
"""

import torch
from torch import Tensor

NEEDS = ("logits", "labels")
UNIT = "nats"
DIRECTION = "min"
LIMITS = (0.0, 2.302585)
BOUNDS = (0.0, None)
SPACE = {}


def measure(outputs) -> Tensor:
    logits = outputs["logits"]
    labels = outputs["labels"].expand(logits.shape[:-1])
    log_likelihood = logits.log_softmax(-1).gather(-1, labels[..., None])[..., 0]
    return -log_likelihood.mean(-1, dtype=torch.float64).to(logits.dtype)
