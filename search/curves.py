"""Where unfinished trials will end, from the changes between rungs that similar trials made.

From one rung to the next a loss changes by about

    level + slope * (its change before) + residual

fitted for every trial anew to the trials most like it at that rung, by its losses and their last changes (locally
weighted regression: Cleveland and Devlin 1988), stopped ones included: who is seen at the next rung was decided by
what was seen before, so stopping does not bias the fit (missing at random: Rubin 1976). Steps are chained, and
what was wrong with one change goes on into the next by its slope, so that covariances do not just add up: value and
change are carried together, as in the prediction step of a Kalman (1960) filter, and as an error is passed on in
claims reserving (the chain ladder: Mack 1993). Few neighbours tell little of a slope, so it is
drawn to that of all trials, and that one a little to the slope of a power law y(t) = a + b / t (POW3 of Viering and
Loog 2023, table 1), whose next change is (t - 1) / (t + 1) times the last. What widens or narrows a deviation:

- a trial that surprised the forecast at its own earlier rungs is trusted less than one that did not;
- a step that nobody has made yet has the residual of the one before, as in a random walk over log t, which passes no
  error on, and a change that is as uncertain as it is large;
- half of the whole change that is forecast counts as a deviation;
- finished trials are forecast from each of their rungs as if not seen further, without their own steps, and all
  deviations are scaled to the errors found (leave one out, as the jackknife of Barber et al. 2021, but no guarantee).

Some trials explode. That says little of those like them that did not, so a change for the worse counts as one spread
between trials at most, and one for the better as ten. A trial that failed looks like one that was stopped: whoever
knows leaves it out.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]

NEIGHBOURS, NEAREST = 12, 64  # a weight falls to 1/e at the 12th trial; beyond the 64th it is 0
FEWEST = 3  # trials that must have made a step before it is fitted
BETTER, WORSE = 10.0, 1.0  # spreads between trials, at the median rung: no change counts as more than that
OWN_SLOPE, ALL_SLOPE = 4.0, 2.0  # neighbours that outweigh the slope of all trials; trials that outweigh the power law
FREEDOM, POOLED = 2.5, 0.5  # parameters that a fit spends; neighbours that outweigh the covariance of all changes
UNRULY, WORST = 2.0, 16.0  # own rungs that outweigh the neighbours' residual; no squared surprise counts as more
DOUBT = 0.5  # of the change forecast: what neighbours did often turns back, in noise above all
LOOKED_BACK, TRUSTED = 16, 10.0  # finished trials that are forecast, and how many outweigh the expected errors


def forecast(curves: Floats) -> tuple[Floats, Floats]:
    """Losses (n, rungs, m), NaN where not seen -> the final losses expected (n, m) and their deviations (n, m).

    Finished trials: their own values and 0. Trials never seen: NaN.

    >>> mean, deviation = forecast(np.array([[[3.0], [2.0]], [[4.0], [3.0]], [[5.0], [4.0]], [[6.0], [np.nan]]]))
    >>> mean.round(6).tolist(), (deviation > 0).tolist()
    ([[2.0], [3.0], [4.0], [5.0]], [[False], [False], [False], [True]])
    """
    n, _, m = curves.shape
    mean, deviation = np.full((n, m), np.nan), np.full((n, m), np.nan)
    rows = np.flatnonzero(last_rung(curves) >= 0)
    mean[rows], covariance = joint(curves, rows)
    deviation[rows] = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    return mean, deviation


def joint(curves: Floats, rows: Numbers) -> tuple[Floats, Floats]:
    """Expected final losses (k, m) of the trials ``rows``, each seen once at least, and their covariance (k, m, m)."""
    last = last_rung(curves)
    curves, end = _whole(np.asarray(curves, dtype=np.float64), last), curves.shape[1] - 1
    finished = np.flatnonzero(last == end)
    finished = finished[:: max(1, -(-len(finished) // LOOKED_BACK))]
    back, since = np.repeat(finished, end), np.tile(np.arange(end), len(finished))
    who, since, k = np.concatenate([rows, back]), np.concatenate([last[rows], since]), len(rows)
    mean, covariance = _chain(curves, last, who, since)
    covariance += DOUBT**2 * _square(mean - curves[who, since])
    if len(back):
        expected = np.diagonal(covariance[k:], axis1=1, axis2=2)
        surprise = _surprise(curves[back, end] - mean[k:], expected)
        scale = np.sqrt((surprise.sum(axis=0) / end + TRUSTED) / (len(finished) + TRUSTED))
        covariance[:k] *= scale[:, None] * scale
    return mean[:k], covariance[:k]


def last_rung(curves: Floats) -> Numbers:
    """(n, rungs, m) -> (n,): the last rung where each trial was seen; -1 for none."""
    seen = np.asarray(np.isfinite(curves).all(axis=2), dtype=np.bool_)
    return np.where(seen.any(axis=1), seen.shape[1] - 1 - seen[:, ::-1].argmax(axis=1), -1)


def _whole(curves: Floats, last: Numbers) -> Floats:
    """Rungs that were missed before the last one seen, filled in on the straight line between their neighbours."""
    seen = np.asarray(np.isfinite(curves).all(axis=2), dtype=np.bool_)
    rungs = np.arange(curves.shape[1])
    holed = np.flatnonzero((~seen & (rungs < last[:, None])).any(axis=1))
    if len(holed):
        curves = curves.copy()
    for row in holed:
        known = rungs[seen[row]]
        for j in range(curves.shape[2]):
            curves[row, : last[row] + 1, j] = np.interp(rungs[: last[row] + 1], known, curves[row, known, j])
    return curves


def _chain(curves: Floats, last: Numbers, who: Numbers, since: Numbers) -> tuple[Floats, Floats]:
    """Trials ``who`` (t,), seen up to the rungs ``since`` (t,) -> expected final losses (t, m) and covariance."""
    (t, m), rungs = (len(who), curves.shape[2]), curves.shape[1]
    mean, change, slope = np.zeros((t, m)), np.zeros((t, m)), np.zeros((t, m))
    covariance, cross, moved, residual = np.zeros((4, t, m, m))  # of the value, with the change, of the change
    surprise, known = np.full(t, UNRULY), np.full(t, UNRULY)
    spreads = [_spread(curves[last >= rung, rung]) for rung in range(rungs) if (last >= rung).sum() >= FEWEST]
    unit = np.median(spreads, axis=0) if spreads else np.full(m, np.inf)
    for rung in range(rungs):
        seen = np.flatnonzero(since >= rung)
        mean[seen], change[seen], covariance[seen] = curves[who[seen], rung], _before(curves, who[seen], rung), 0.0
        cross[seen] = moved[seen] = 0.0
        if rung == rungs - 1:
            break
        made = np.flatnonzero(last > rung)
        if len(made) >= FEWEST:
            change, residual, slope = _step(curves, made, rung, mean, change, who, unit)
        elif rung:
            slope = np.zeros((t, m))
            change = change * rung / (rung + 2.0)
            residual = residual * np.log1p(1 / (rung + 1)) / np.log1p(1 / rung) + _square(change)
        else:
            residual = np.tile(np.diag(_spread(curves[last >= 0, 0]) ** 2), (t, 1, 1))
        mean = mean + change
        past = np.flatnonzero(since > rung)
        expected = np.diagonal(residual[past], axis1=1, axis2=2)
        surprise[past] += _surprise(curves[who[past], rung + 1] - mean[past], expected).mean(axis=1)
        known[past] += 1.0
        cross = cross * slope[:, None, :]  # an error of the last change goes on into the next one
        moved = moved * slope[:, :, None] * slope[:, None, :] + residual * (surprise / known)[:, None, None]
        covariance = covariance + cross + cross.transpose(0, 2, 1) + moved
        cross = cross + moved
    return mean, covariance


def _step(
    curves: Floats, made: Numbers, rung: int, value: Floats, before: Floats, who: Numbers, unit: Floats
) -> tuple[Floats, Floats, Floats]:
    """The change (t, m) expected after ``rung`` of trials at ``value`` that changed by ``before``, the residual
    covariance (t, m, m) and the slope (t, m), from the trials ``made`` (d,) that were seen at the next rung; a trial is
    none of its own. ``unit`` (m,): the spread between trials."""
    start, m = curves[made, rung], value.shape[1]
    past, before = (each.clip(-BETTER * unit, WORSE * unit) for each in (_before(curves, made, rung), before))
    after = (curves[made, rung + 1] - start).clip(-BETTER * unit, WORSE * unit)
    least = 1e-6 * unit  # below that, numbers are rounded
    pool, common = after.T @ after / len(made), _slope(after, past, rung, least)
    distance = _squares(value, start, _spread(start, least))
    if rung:
        distance += _squares(before, past, _spread(past, least))
    distance[who[:, None] == made] = np.inf
    if len(made) > NEAREST:
        among = np.argpartition(distance, NEAREST, axis=1)[:, :NEAREST]
        distance, after, past = np.take_along_axis(distance, among, axis=1), after[among], past[among]
    reach = min(NEIGHBOURS, len(made) - 1) - 1
    near = np.maximum(np.partition(distance, reach, axis=1)[:, [reach]], 1e-12)
    weight = np.exp((distance.min(axis=1, keepdims=True) - distance) / near)
    weight /= weight.sum(axis=1, keepdims=True)
    alike = 1.0 / (weight**2).sum(axis=1)  # how many trials the weights are worth
    change, slopes, spare, errors = *np.empty((3, *value.shape)), np.empty((m, *weight.shape))
    for j in range(m):
        rise, run = after[..., j], past[..., j]
        level, usual = _mean(weight, rise), _mean(weight, run)
        rise, run = rise - level[:, None], run - usual[:, None]
        drawn = OWN_SLOPE * _mean(weight, run**2) / alike
        power = _mean(weight, run**2) + drawn + least[j] ** 2
        slope = (_mean(weight, rise * run) + drawn * common[j]) / power
        slopes[:, j] = slope
        change[:, j] = level + slope * (before[:, j] - usual)
        errors[j] = rise - slope[:, None] * run
        spare[:, j] = 1.0 + (1.0 + ((before[:, j] - usual) ** 2 / power).clip(max=9.0)) / alike
    covariance = np.empty((len(value), m, m))
    for i, j in np.ndindex(m, m):
        covariance[:, i, j] = alike * _mean(weight, errors[i] * errors[j]) if i <= j else covariance[:, j, i]
    freedom = np.maximum(alike - FREEDOM, 0.5) + POOLED
    covariance = (covariance + POOLED * pool) / freedom[:, None, None]
    return change, covariance * np.sqrt(spare[:, :, None] * spare[:, None, :]), slopes


def _slope(after: Floats, past: Floats, rung: int, least: Floats) -> Floats:
    """(d, m), (d, m) -> (m,): the slope of all trials together, outliers drawn in to two spreads."""
    if rung == 0:
        return np.zeros(after.shape[1])
    tall, wide = _spread(after, least), _spread(past, least)
    rise, run, scale = (after / tall).clip(-2.0, 2.0), (past / wide).clip(-2.0, 2.0), tall / wide
    power = (run**2).sum(axis=0) + 1e-300
    law, trust = rung / (rung + 2.0), ALL_SLOPE / len(after)
    return np.asarray((scale * (rise * run).sum(axis=0) / power + trust * law) / (1.0 + trust))


def _mean(weight: Floats, values: Floats) -> Floats:
    """Weights (t, d) that sum to 1, values (d,) or (t, d) -> (t,)."""
    return np.asarray(weight @ values if values.ndim == 1 else np.einsum("td,td->t", weight, values))


def _before(curves: Floats, rows: Numbers, rung: int) -> Floats:
    """The change (k, m) with which ``rows`` came to ``rung``; 0 at the first."""
    here = curves[rows, rung]
    return here - curves[rows, rung - 1] if rung else np.zeros_like(here)


def _square(values: Floats) -> Floats:
    """(t, m) -> (t, m, m): the product with itself."""
    return np.asarray(values[:, :, None] * values[:, None, :])


def _surprise(error: Floats, expected: Floats) -> Floats:
    """Squared errors (t, m) in units of the expected ones; an expected one of 0 was not wrong to be 0."""
    return (error**2 / np.where(expected > 0, expected, np.inf)).clip(max=WORST)


def _squares(one: Floats, other: Floats, scale: Floats) -> Floats:
    """(t, m), (d, m) -> squared distances (t, d) in units of ``scale`` (m,)."""
    one, other = one / scale, other / scale
    return np.asarray(sum((one[:, [j]] - other[:, j]) ** 2 for j in range(len(scale))))


def _spread(values: Floats, least: Floats | float = 0.0) -> Floats:
    """(d, m) -> (m,): the deviation by the quartiles, which no diverged trial moves; where that is no more than
    ``least``, the plain one; and 1 where that is none either."""
    ordered, quarter = np.sort(values, axis=0), (len(values) - 1) // 4
    wide = (ordered[-1 - quarter] - ordered[quarter]) / 1.35
    if (wide <= least).any():
        wide = np.where(wide > least, wide, values.std(axis=0))
    return np.where(wide > least, wide, 1.0)
