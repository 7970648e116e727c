"""Seconds that training took, a row's share of its population's time. seconds (k,) -> (k,)

A cost, read from the record of the training. Its limit is a convention: one minute.
"""

from torch import Tensor

NEEDS = ("seconds",)
UNIT = "s"
DIRECTION = "min"
LIMITS = (0.0, 60.0)
BOUNDS = (0.0, None)
SPACE = {}


def measure(outputs) -> Tensor:
    return outputs["seconds"]
