"""Functions of params, drawn from what is believed: for who asks of the whole space instead of the next point."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from search.propose._belief import Belief, alone
from search.propose._draws import doubted, draw
from search.space import Params

CHUNK = 1024  # points at a time, so that memory stays small

Functions = Callable[[Sequence[Params]], NDArray[np.float64]]  # c params -> losses (count, c, m)


def functions(belief: Belief, m: int, *, count: int, seed: int) -> Functions:
    """``count`` functions, each one way the m losses may run.

    What is drawn may be a loss on another scale, on which less is still better.
    """
    with alone():
        stream = torch.Generator().manual_seed(seed)
        drawn, layout = draw(doubted(belief.process, stream), count, stream), belief.layout

    def losses(several: Sequence[Params]) -> NDArray[np.float64]:
        with alone(), torch.no_grad():
            parts = [drawn(layout(several[at : at + CHUNK]))[..., :m] for at in range(0, len(several), CHUNK)]
            return np.asarray(torch.cat(parts, dim=1).numpy())

    return losses
