"""Uniform samples of the space: every option alike, weights uniform on their simplex.

The i-th point of a study is drawn from a stream of its own, so it does not depend on how points come in batches.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.propose import generator
from search.space import Params, Space
from search.trial import Trial

SPACE: dict[str, Any] = {}


def propose(
    space: Space, trials: Sequence[Trial], q: int, *, seed: int, reference: NDArray[np.float64]
) -> list[Params]:
    """q uniform params."""
    return [space.sample(generator(seed, trials, ahead)) for ahead in range(q)]
