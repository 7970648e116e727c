"""Brier score of all classes, between 0 and 2. logits (k, n, c), labels (n,) or (k, n) -> (k,)

mean sum_c (q_c - [c = label])^2: a proper score that, unlike the log-likelihood, forgives a confident
mistake. The original definition, not halved for two classes.
Source: Brier, Verification of Forecasts Expressed in Terms of Probability, 1950.
"""

import torch
from torch import Tensor

NEEDS = ("logits", "labels")
UNIT = "squared distance"
DIRECTION = "min"
LIMITS = (0.0, 2.0)
BOUNDS = (0.0, 2.0)
SPACE = {}


def measure(outputs) -> Tensor:
    logits, labels = outputs["logits"], outputs["labels"]
    truth = labels[..., None] == torch.arange(logits.shape[-1], device=logits.device)
    distances = (logits.softmax(-1) - truth.to(logits.dtype)).square().sum(-1)
    return distances.mean(-1, dtype=torch.float64).to(logits.dtype)
