"""Functions of params, drawn from what is believed: for who asks of the whole space instead of the next point."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from search.propose._belief import alone, believe
from search.propose._draws import doubted, draw
from search.space import Params, Space
from search.trial import Trial

CHUNK = 1024  # points at a time, so that memory stays small

Functions = Callable[[Sequence[Params]], NDArray[np.float64]]  # c params -> losses (count, c, m)


def functions(
    space: Space,
    trials: Sequence[Trial],
    *,
    count: int,
    seed: int,
    reference: NDArray[np.float64],
    earlier: Sequence[Sequence[Trial]] = (),
) -> Functions | None:
    """``count`` functions, each one way the losses may run, in the order that losses have; None of too few trials.

    What is drawn may be a loss on another scale, on which less is still better.
    """
    with alone():
        belief = believe(space, trials, 1, seed=seed, reference=reference, earlier=earlier, start=0)
        if isinstance(belief, list):
            return None
        stream = torch.Generator().manual_seed(seed)
        drawn, layout, m = draw(doubted(belief.process, stream), count, stream), belief.layout, len(reference)

    def losses(several: Sequence[Params]) -> NDArray[np.float64]:
        with alone(), torch.no_grad():
            parts = [drawn(layout(several[at : at + CHUNK]))[..., :m] for at in range(0, len(several), CHUNK)]
            return np.asarray(torch.cat(parts, dim=1).numpy())

    return losses
