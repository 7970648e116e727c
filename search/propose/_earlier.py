"""What trials of earlier studies tell of this one: values, as uncertain as the two studies disagree.

Of each earlier study a process is fitted to the losses that both have. Where this study has trials, the rank agreement
t of its losses with what that process predicts (Kendall 1938) says how far the earlier study is trusted,

    w = (n max(t, 0) + BEFORE * TRUST) / (n + BEFORE)

after n trials, as in ranking-weighted ensembles (Feurer, Letham and Bakshy 2018). An earlier value then counts as one
of this study that is known up to noise of the variance v (1 / w^2 - 1), with v that of all earlier values: so that the
two correlate by w. What is the same everywhere (another data set is harder) is shifted away.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kendalltau

from search.pareto import dominance, hypervolume
from search.propose._design import design
from search.propose._features import Layout
from search.propose._fit import fit
from search.propose._learnt import EXPLODED, Learnt, unwarped, warped
from search.space import Params, Space
from search.trial import Trial, losses

Array = NDArray[np.float64]

BEFORE, TRUST = 6.0, 0.5  # trials that outweigh the trust before any is made, and that trust
MOST = 60  # trials of an earlier study that are listened to
FEWEST = 3  # that say anything of a loss


def opening(
    space: Space, earlier: Sequence[Sequence[Trial]], reference: Array, q: int, *, seed: int, skip: int
) -> list[Params]:
    """q points of a beginning after its first ``skip``: the fronts of the earlier studies, most hypervolume first, and
    the design, in turn."""
    if not earlier:
        return design(space, q, seed=seed, skip=skip)
    fronts: list[list[Params]] = []
    for study in earlier:
        whole = [trial for trial in study if np.isfinite(trial.losses).all()]
        chosen = hypervolume.greedy(losses(whole), reference, len(whole)) if whole else []
        fronts.append([whole[row].params for row in chosen])
    longest = max(map(len, fronts), default=0)
    best = [front[place] for place in range(longest) for front in fronts if place < len(front)]
    points = []
    for index in range(skip, skip + q):
        if index % 2 == 0 and index // 2 < len(best):
            points.append(best[index // 2])
        else:
            points += design(space, 1, seed=seed, skip=index - min((index + 1) // 2, len(best)))
    return points


def told(layout: Layout, earlier: Sequence[Sequence[Trial]], seen: Learnt) -> tuple[list[Params], Array, Array]:
    """Params (e), values (e, m + limits) as those of ``seen``, and their variances, infinite where nothing is told."""
    params: list[Params] = []
    m, width = len(seen.knee), seen.values.shape[1]
    values, variances = [np.zeros((0, width))], [np.zeros((0, width))]
    for study in earlier:
        kept = _listened(study)
        raw = losses(kept)
        known = np.isfinite(raw) & (np.nan_to_num(raw) <= seen.knee + EXPLODED * seen.stretch)
        found, variance = np.zeros((len(kept), width)), np.full((len(kept), width), np.inf)
        for place in range(m):
            rows = np.flatnonzero(known[:, place])
            if len(rows) < FEWEST:
                continue
            own, scale = raw[rows, place], (seen.knee[place], seen.stretch[place])
            trust, shift = _agreement(layout, [kept[row] for row in rows], warped(own, *scale)[0], seen, place)
            found[rows, place] = warped(own + shift, *scale)[0]
            variance[rows, place] = found[rows, place].var() * (trust**-2 - 1.0) if trust > 0.0 else np.inf
        params += [trial.params for trial in kept]
        values.append(found)
        variances.append(variance)
    return params, np.concatenate(values), np.concatenate(variances)


def _agreement(layout: Layout, study: Sequence[Trial], own: Array, seen: Learnt, place: int) -> tuple[float, float]:
    """How far one warped loss of an earlier study is trusted, and by how much the loss is larger in this one."""
    exact = np.ones(len(seen.trials), np.bool_) if seen.variances is None else seen.variances[:, place] == 0.0
    here = [trial.params for trial, is_exact in zip(seen.trials, exact, strict=True) if is_exact]
    if not here:
        return TRUST, 0.0
    n, values = len(here), seen.losses[exact, place]
    process = fit(layout.blocks, layout([trial.params for trial in study]), torch.from_numpy(own).unsqueeze(1))
    scale = (torch.tensor(each[place]) for each in (seen.knee, seen.stretch))
    predicted = unwarped(process.mean_at(layout(here))[:, 0], *scale).numpy()
    same = len(set(values.tolist())) == 1 or len(set(predicted.tolist())) == 1
    rank = 0.0 if same else float(kendalltau(values, predicted).statistic)
    trust = (n * max(rank, 0.0) + BEFORE * TRUST) / (n + BEFORE)
    return min(trust, 0.99), float(np.median(values - predicted)) * n / (n + BEFORE)


def _listened(study: Sequence[Trial]) -> list[Trial]:
    """At most MOST trials: the front, then an even part of the rest."""
    trials = list(study)
    if len(trials) <= MOST:
        return trials
    order = np.argsort(dominance.ranks(np.nan_to_num(losses(trials), nan=0.0)), kind="stable")
    best, rest = order[: MOST // 2], order[MOST // 2 :]
    chosen = np.sort([*best, *rest[np.linspace(0, len(rest) - 1, MOST - len(best)).round().astype(int)]])
    return [trials[row] for row in chosen]
