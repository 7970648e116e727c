"""Number of parameters that the model keeps. parameters (k,) -> (k,)

A cost, read from the record of the training. Its limit is a convention: a million.
"""

from torch import Tensor

NEEDS = ("parameters",)
UNIT = "parameters"
DIRECTION = "min"
LIMITS = (0.0, 1000000.0)
BOUNDS = (0.0, None)
SPACE = {}


def measure(outputs) -> Tensor:
    return outputs["parameters"]
