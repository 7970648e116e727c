"""Share of examples whose top class is not the label. logits (k, n, c), labels (n,) or (k, n) -> (k,)

mean [argmax logits != label]. Classes that tie for the first place count as the lowest index among them.
"""

import torch
from torch import Tensor

NEEDS = ("logits", "labels")
UNIT = "share"
DIRECTION = "min"
LIMITS = (0.0, 1.0)
BOUNDS = (0.0, 1.0)
SPACE = {}


def measure(outputs) -> Tensor:
    logits, labels = outputs["logits"], outputs["labels"]
    return (logits.argmax(-1) != labels).mean(-1, dtype=torch.float64).to(logits.dtype)
