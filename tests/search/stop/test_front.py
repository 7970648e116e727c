"""The rule keeps its stated risk where the truth is known, and spares most of the steps that could be spared."""

from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from search import curves as learning
from search.pareto import hypervolume
from search.stop import front
from tests.benchmarks.stopping import interval, members, oracle, replay
from tests.search.stop.families import FAMILIES, REFERENCE, curves, cut

SETTINGS = {key: spec["default"] for key, spec in front.SPACE.items()}
SEEDS = 8


def default(*given: Any, **changes: Any) -> NDArray[np.bool_]:
    return front.keep(*given, **{**SETTINGS, **changes})


def total(family: str, keep: Any, rng: Generator) -> tuple[int, int, float, float]:
    """Wrongly stopped, stopped, the median share of the full run's steps, and of its hypervolume."""
    wrong, stopped, steps, volumes = 0, 0, [], []
    for _ in range(SEEDS):
        full = curves(family, rng)
        final = full[:, -1]
        found = replay(full, REFERENCE, 24, keep)
        wrong += int((found.refused & members(final, REFERENCE)).sum())
        stopped += int(found.refused.sum())
        steps.append(found.steps)
        whole = hypervolume.hypervolume(final[np.isfinite(final).all(axis=1)], REFERENCE)
        volumes.append(hypervolume.hypervolume(final[found.finished], REFERENCE) / whole)
    return wrong, stopped, float(np.median(steps)), float(np.median(volumes))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_stated_risk_holds_where_the_truth_is_known(family: str) -> None:
    """The whole Clopper-Pearson interval of 95 percent lies below the stated risk; a fixed seed, so it is a fact."""
    wrong, stopped, steps, volume = total(family, default, np.random.default_rng(1))
    assert stopped > 100
    assert interval(wrong, stopped)[1] <= SETTINGS["risk"]
    assert volume >= 0.99
    assert steps < 0.75


def test_a_rule_that_believes_what_it_sees_breaks_that_risk() -> None:
    """So the test above can fail: a forecast that nothing changes any more, and that with certainty."""

    def keep(seen: Any, asking: Any, **given: Any) -> NDArray[np.bool_]:
        now = seen[asking, learning.last_rung(seen)[asking]]
        ended = seen[np.isfinite(seen[:, -1]).all(axis=1), -1]
        return np.array([not (np.vstack([ended, now]) < own).all(axis=1).any() for own in now])

    wrong, stopped, _, _ = total("crossing", keep, np.random.default_rng(1))
    assert interval(wrong, stopped)[0] > SETTINGS["risk"]


def test_it_stops_more_the_more_risk_it_may_take(rng: Generator) -> None:
    for family in FAMILIES:
        made, asking = cut(curves(family, rng), rng)
        given = {"reference": REFERENCE, "audited": np.zeros(len(made), dtype=np.bool_)}
        kept = [default(made, asking, risk=risk, **given) for risk in (0.01, 0.05, 0.2, 0.5)]
        assert all((b <= a).all() for a, b in zip(kept, kept[1:], strict=False))


def probabilities(made: NDArray[np.float64], asking: NDArray[np.int64], tolerance: float = 0.01) -> Any:
    return front.probability(made, asking, reference=REFERENCE, tolerance=tolerance)


def test_the_probability_is_the_share_of_draws_that_nobody_beats(rng: Generator, monkeypatch: Any) -> None:
    """By definition, a draw at a time, with the forecast and the draws given."""
    for family in FAMILIES:
        made, asking = cut(curves(family, rng, n=24), rng)
        mean, covariance = learning.joint(made, asking)
        numbers = rng.standard_normal((len(asking), 16, 2))  # of the asking ones in the rule's own order
        order = np.lexsort(np.where(np.isnan(made), np.inf, made).reshape(len(made), -1).T)
        ordered = np.argsort(np.argsort(order)[asking])
        monkeypatch.setattr(front, "_draws", lambda k, m, given=numbers: given)
        monkeypatch.setattr(learning, "joint", lambda c, r, given=(mean[ordered], covariance[ordered]): given)
        drawn = np.empty_like(numbers)
        drawn[ordered] = numbers
        wanted = by_definition(made, mean, covariance, drawn)
        np.testing.assert_allclose(probabilities(made, asking), wanted)
        monkeypatch.undo()


def test_a_small_probability_counts_for_more_the_more_trials_end_on_the_front(monkeypatch: Any) -> None:
    """p = 0.02 is below the risk of 0.05 where few trials end on the front, and not where most do."""
    monkeypatch.setattr(front, "probability", lambda curves, asking, **given: np.full(len(asking), 0.02))
    given = {"reference": REFERENCE, "audited": np.zeros(40, dtype=np.bool_)}
    along = np.linspace(0.0, 1.0, 40)[:, None]
    for many, goes_on in ((5, False), (30, True)):
        final = np.hstack([along, 1.0 - along])
        final[many:] += 1.0  # beaten by the others
        made = np.repeat(final[:, None], 4, axis=1)
        made[39, 2:] = np.nan
        wanted = 0.02 + front.WRONG * ((many + 0.02) / 40 - 0.02)
        assert (wanted >= 0.05) == goes_on
        assert default(made, np.array([39]), **given).tolist() == [goes_on]


def by_definition(made: Any, mean: Any, covariance: Any, drawn: Any) -> NDArray[np.float64]:
    k, draws, _ = drawn.shape
    span = REFERENCE - np.nanmin(made, axis=(0, 1))
    root = np.linalg.cholesky(covariance / np.outer(span, span) + 1e-12 * np.eye(2)) * span[:, None]
    final = mean[:, None] + np.einsum("kij,ksj->ksi", root, drawn)
    ended = [row[-1] for row in made if np.isfinite(row[-1]).all()]
    entered = np.zeros(k)
    for draw in range(draws):
        inside = [bool((final[row, draw] < REFERENCE).all()) for row in range(k)]
        some = any(inside) or any((other < REFERENCE).all() for other in ended)
        for row in range(k):
            own = final[row, draw] + 0.01 * span
            beaten = any((other <= own).all() for other in ended)
            for rival in range(k):
                less = ((final[rival, draw] - final[row, draw]) / span).sum() < 0
                beaten |= bool(rival != row and less and (final[rival, draw] <= own).all())
            entered[row] += (not beaten) and (inside[row] or not some)
    return entered / draws


def test_a_twin_of_a_finished_trial_stops_and_twins_do_not_stop_each_other() -> None:
    falling = np.linspace(1.0, 0.2, 4)[:, None] * np.ones(2)
    made = np.repeat(falling[None], 16, axis=0) + np.linspace(0.0, 1e-3, 16)[:, None, None]
    made[1, 3:] = np.nan
    assert probabilities(made, np.array([1]))[0] == 0.0
    made = np.repeat(falling[None], 16, axis=0)
    made[:, 3:] = np.nan
    assert probabilities(made, np.arange(16)).min() > 0.9


def test_beyond_the_reference_a_trial_goes_on_only_while_nobody_is_within_it(rng: Generator) -> None:
    made, asking = cut(curves("power", rng), rng, finished=0.0)
    far = np.array([-10.0, -10.0])
    found = front.probability(made, asking, reference=far, tolerance=0.01)
    assert found.max() > 0.05
    made[0] = -20.0
    assert (front.probability(made, np.setdiff1d(asking, [0]), reference=far, tolerance=0.01) == 0.0).all()


def test_the_replay_counts_steps_and_trials_as_the_loop_does() -> None:
    full = np.arange(12.0)[:, None, None] * np.ones((12, 4, 1))
    full[2, 2:] = np.nan

    def keep(seen: Any, asking: Any, **given: Any) -> NDArray[np.bool_]:
        assert (np.isfinite(seen[asking, 0])).all() and np.isnan(seen[asking, -1]).all()
        return np.asarray(asking % 2 == 0)

    found = replay(full, np.array([20.0]), 4, keep)
    assert np.flatnonzero(found.finished).tolist() == [0, 4, 6, 8, 10]
    assert np.flatnonzero(found.refused).tolist() == [1, 3, 5, 7, 9, 11]
    assert found.steps == (5 * 4 + 6 * 1 + 3) / 48  # a failed trial costs the rung that it did not survive
    audited = replay(full, np.array([20.0]), 4, keep, audit=1.0)
    assert audited.finished.sum() == 11 and audited.refused.sum() == 6
    assert replay(full, np.array([20.0]), 4, oracle(full, np.array([20.0]))).finished.tolist() == [True] + [False] * 11


def test_a_member_of_the_front_is_one_whom_nobody_beats_by_the_tolerance() -> None:
    final = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [0.505, 0.505], [np.nan, np.nan], [-1.0, 3.0]])
    found = members(final, np.array([2.0, 2.0]), 0.001)
    assert found.tolist() == [True, True, True, False, False, False]
    assert members(final[2:4], np.array([2.0, 2.0]), 0.01).tolist() == [False, False]
