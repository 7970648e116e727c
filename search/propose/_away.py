"""While most trainings fail there is no front to go on from: points that may succeed, and far from all that was tried.

The largest distance to the nearest point so far is the greedy form of a maximin design (Johnson, Moore and Ylvisaker
1990); it is weighed with the probability of success.
"""

from collections.abc import Sequence

import torch
from numpy.random import Generator

from search.propose import points, sobol
from search.propose._chance import Chance
from search.propose._features import Layout
from search.space import Params, Space
from search.trial import Trial

POOL = 512


def away(space: Space, trials: Sequence[Trial], q: int, likely: Chance, rng: Generator) -> list[Params]:
    """q points of a Sobol pool, each of the largest probability times distance after those before it."""
    pool = [space.decode(unit) for unit in sobol.cube(space.width, POOL, seed=int(rng.integers(2**32)))]
    layout = Layout(space)
    at, seen = layout(pool), layout([trial.params for trial in points(trials)])
    with torch.no_grad():
        hope = likely(at)
    picked: list[Params] = []
    for _ in range(q):
        # not by a matrix product, in which a point is at some distance from itself
        apart = torch.cdist(at, seen, compute_mode="donot_use_mm_for_euclid_dist").amin(dim=1)
        best = int((hope + apart.log()).argmax())
        picked.append(pool[best])
        seen = torch.cat([seen, at[best : best + 1]])
    return picked
