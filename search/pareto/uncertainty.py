"""How far a front can be believed whose losses vary: what may be said of each point, and what to repeat next.

Of a ``Belief`` (belief.py) about n configurations, by ``samples`` draws of all their true losses at once. Each
variable of a draw is stratified (McKay, Beckman, Conover, 1979: a Latin hypercube), so that margins are met evenly,
those of what errs alone to 1 / samples; a probability p has a standard error of at most sqrt(p (1 - p) / samples),
0.016 at 1024. Cost: one sort of n points for each draw, some 30 ms for 64 points and 1024 draws, and samples n m
numbers.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.errors import SearchError
from search.pareto.arrays import Floats, vector
from search.pareto.belief import Belief, expecting
from search.pareto.dominance import is_nondominated
from search.pareto.hypervolume import hypervolume

SAMPLES = 1024
HEARD = 64  # answers that are imagined of each repeat


def intervals(belief: Belief, *, level: float = 0.9) -> tuple[Floats, Floats]:
    """Lower and upper end (n, m) of what holds each true loss with probability ``level``: Student's t.

    >>> from search.pareto.belief import of_moments
    >>> low, high = intervals(of_moments([[0.0]], deviation=[[1.0]]), level=0.95)
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([[-1.96]], [[1.96]])
    """
    from scipy.stats import t  # half a second that most commands never need

    half = t.ppf(0.5 + _level(level) / 2, belief.freedom) * belief.deviation
    return belief.mean - half, belief.mean + half


def draws(belief: Belief, *, samples: int = SAMPLES, seed: int = 0) -> Floats:
    """(samples, n, m): true losses as they may be.

    >>> from search.pareto.belief import of_moments
    >>> draws(of_moments([[5.0]], deviation=[[1.0]]), samples=1000).mean(axis=0).round(6).tolist()
    [[5.0]]
    """
    from scipy.stats import chi2, norm

    if samples < 2:
        raise SearchError("samples", expected="at least 2", got=samples)
    rng, (n, m) = np.random.default_rng(seed), belief.mean.shape
    strata = (np.arange(samples) + 0.5) / samples
    normal = rng.permuted(np.tile(norm.ppf(strata), (n, m, 1)), axis=2)
    moved = np.einsum("nij,njs->nis", belief.root, normal)
    if belief.together:
        rows, factor = belief.together
        moved[rows] = (factor @ normal[rows].reshape(-1, samples)).reshape(len(rows), m, samples)
    for freedom in np.unique(belief.freedom[np.isfinite(belief.freedom)]):
        heavy = belief.freedom == freedom
        width = np.sqrt(freedom / chi2.ppf(strata, freedom))
        moved[heavy] *= rng.permuted(np.tile(width, (heavy.sum(), 1)), axis=1)
    return np.ascontiguousarray((belief.mean[:, :, None] + moved).transpose(2, 0, 1))


def on_front(belief: Belief, *, samples: int = SAMPLES, seed: int = 0) -> Floats:
    """(n,): the probability that no other configuration's true losses dominate those of each.

    >>> from search.pareto.belief import of_moments
    >>> on_front(of_moments([[0, 1], [0, 1], [9, 9]], deviation=np.full((3, 2), [0.1, 0.0]))).round(1).tolist()
    [0.5, 0.5, 0.0]
    """
    return np.asarray(_members(draws(belief, samples=samples, seed=seed)).mean(axis=0))


def hypervolume_interval(
    belief: Belief, reference: ArrayLike, *, level: float = 0.9, samples: int = SAMPLES, seed: int = 0
) -> tuple[float, float, float]:
    """Lower end, median and upper end of the hypervolume of the true losses below ``reference`` (m,).

    Costs as many hypervolumes as ``samples``.

    >>> from search.pareto.belief import of_moments
    >>> hypervolume_interval(of_moments([[1.0, 1.0]], deviation=[[0.0, 0.0]]), [3, 3])
    (4.0, 4.0, 4.0)
    """
    tail, corner = (1 - _level(level)) / 2, vector(reference, "reference", size=belief.mean.shape[1])
    volumes = [hypervolume(losses, corner) for losses in draws(belief, samples=samples, seed=seed)]
    low, middle, high = np.quantile(volumes, [tail, 0.5, 1 - tail]).tolist()
    return low, middle, high


def gains(belief: Belief, *, samples: int = SAMPLES, seed: int = 0) -> Floats:
    """(n,): by how much one more evaluation of each is expected to lower sum_k p_k (1 - p_k), p as ``on_front``.

    That sum is the expected squared error of all memberships. It is strictly concave in p, so that a repeat counts
    that moves a probability towards 0 or 1 without flipping it, which the number of wrong members (min(p, 1 - p))
    does not see one step ahead. The gain of i is

        sum_k Var(P(k is on the front | the answer y_i))

    with answers drawn from the belief and each p given y_i from the same draws, weighted by the likelihood of y_i
    (its own draw left out, and the variance that chance alone has taken off). The noise counts as known. Where
    repeats differ in cost, divide by it.

    >>> from search.pareto.belief import of_moments
    >>> belief = of_moments([[0.0], [0.1], [9.0]], deviation=[[0.1], [0.3], [0.3]], shrink=False)
    >>> gains(belief).round(2).tolist()
    [0.01, 0.14, 0.0]
    """
    truth = draws(belief, samples=samples, seed=seed)
    members = _members(truth)
    p = members.mean(axis=0)
    undecided = members[:, (p > 0) & (p < 1)].astype(np.float64)
    chance = float((p * (1 - p)).sum())
    told = np.arange(0, samples, max(1, samples // HEARD))
    unit = np.random.default_rng(seed).standard_normal((len(told), truth.shape[2]))
    found = np.zeros(len(p))
    # Who is never on the front is always dominated by one that dominates all that it does: it decides nothing.
    for i in np.flatnonzero((p > 0) if chance > 0 else np.zeros(len(p), dtype=bool)):
        white = truth[:, i] @ np.linalg.pinv(belief.noise[i]).T
        far = (((white[told] + unit)[:, None] - white) ** 2).sum(axis=2)
        far[np.arange(len(told)), told] = np.inf
        weight = np.exp((far.min(axis=1, keepdims=True) - far) / 2)
        weight /= weight.sum(axis=1, keepdims=True)
        varied = ((weight @ undecided - p[(p > 0) & (p < 1)]) ** 2).sum(axis=1).mean()
        found[i] = varied - chance * ((weight**2).sum(axis=1).mean() - 1 / samples)
    return found


def repeat_next(belief: Belief, *, samples: int = SAMPLES, seed: int = 0) -> int | None:
    """The configuration of most ``gains``, the lower on ties; None where the front is certain.

    >>> from search.pareto.belief import of_moments
    >>> repeat_next(of_moments([[0.0], [0.1], [9.0]], deviation=[[0.1], [0.3], [0.3]], shrink=False))
    1
    >>> repeat_next(of_moments([[0.0], [9.0]], deviation=[[0.1], [0.1]]))
    """
    found = repeat_batch(belief, 1, samples=samples, seed=seed)
    return found[0] if found else None


def repeat_batch(
    belief: Belief, q: int, *, among: ArrayLike | None = None, samples: int = SAMPLES, seed: int = 0
) -> list[int]:
    """Up to q configurations to evaluate at the same time, of those with ``among`` (n,), one several times if need be.

    Each is of most gain once those before it are answered as is expected; fewer where nothing more is gained.

    >>> from search.pareto.belief import of_moments
    >>> repeat_batch(of_moments([[0.0], [0.1], [9.0]], deviation=[[0.2], [0.3], [0.3]], shrink=False), 3)
    [1, 1, 0]
    """
    chosen: list[int] = []
    open_ = np.ones(len(belief.mean), dtype=np.bool_) if among is None else np.asarray(among, dtype=np.bool_)
    while len(chosen) < q:
        found = np.where(open_, gains(belief, samples=samples, seed=seed), 0.0)
        if found.max(initial=0.0) <= 0.0:
            break
        chosen.append(int(found.argmax()))
        belief = expecting(belief, chosen[-1])
    return chosen


def _members(truth: Floats) -> NDArray[np.bool_]:
    return np.array([is_nondominated(losses) for losses in truth])


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise SearchError("level", expected="a probability between 0 and 1", got=level)
    return level
