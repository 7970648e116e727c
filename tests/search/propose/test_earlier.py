"""What earlier studies tell: their fronts first, then as much as they agree."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from search.propose import ehvi
from search.propose._design import design
from search.propose._earlier import MOST, TRUST, opening, told
from search.propose._features import Layout
from search.propose._learnt import learnt
from search.space import Params
from search.trial import Trial
from tests.search.propose.worlds import MIXED, REAL, finished, mixture, search, volume, zdt1

REFERENCE = np.array([1.1, 11.0])


def sampled(n: int, seed: int = 0) -> list[Params]:
    rng = np.random.default_rng(seed)
    return [REAL.sample(rng) for _ in range(n)]


def trials(points: Sequence[Params], shift: float = 0.0) -> list[Trial]:
    return [finished(n, params, [loss + shift for loss in zdt1(params)]) for n, params in enumerate(points)]


def reversed_losses(points: Sequence[Params]) -> list[Trial]:
    return [finished(n, params, [-loss for loss in zdt1(params)]) for n, params in enumerate(points)]


def heard(earlier: Sequence[Trial], own: Sequence[Trial]) -> tuple[np.ndarray, np.ndarray]:
    seen = learnt(own, [], REFERENCE)
    _, values, variances = told(Layout(REAL), [earlier], seen)
    return values, variances


def trust(earlier: Sequence[Trial], own: Sequence[Trial]) -> np.ndarray:
    """The correlation (m,) that the variances stand for."""
    values, variances = heard(earlier, own)
    return (1.0 + variances.min(axis=0) / values.var(axis=0)) ** -0.5


def test_a_study_that_agrees_is_trusted_more_than_at_first_and_one_that_does_not_less() -> None:
    own = trials(sampled(20, 1))
    assert (trust(trials(sampled(40)), own) > TRUST + 0.2).all()
    assert (trust(reversed_losses(sampled(40)), own) < TRUST / 2).all()


def test_trust_is_that_of_the_start_while_little_is_known() -> None:
    few = trials(sampled(1, 1))
    np.testing.assert_allclose(trust(trials(sampled(40)), few), TRUST * 6 / 7, rtol=1e-9)


def test_what_is_the_same_everywhere_is_shifted_away() -> None:
    seen, there = learnt(trials(sampled(40, 1)), [], REFERENCE), sampled(30)
    _, values, _ = told(Layout(REAL), [trials(there, shift=-2.0)], seen)
    missed = seen.real(torch.from_numpy(values)).numpy() - np.array([zdt1(params) for params in there])
    assert np.abs(np.median(missed, axis=0)).max() < 0.35  # of the shift of 2, all but 6 parts of 46


def test_losses_that_the_earlier_study_does_not_have_or_that_exploded_are_not_told() -> None:
    there = trials(sampled(20))
    there = [replace(trial, losses=(np.nan, trial.losses[1])) for trial in there]
    there[3] = replace(there[3], losses=(np.nan, 1e9))
    _, variances = heard(there, trials(sampled(10, 1)))
    assert np.isinf(variances[:, 0]).all() and np.isinf(variances[3, 1])
    assert np.isfinite(np.delete(variances[:, 1], 3)).all()


def test_of_a_large_study_the_front_and_an_even_part_of_the_rest_are_listened_to() -> None:
    there = trials(sampled(300))
    params, values, _ = told(Layout(REAL), [there, there[:20]], learnt(trials(sampled(5, 1)), [], REFERENCE))
    assert len(params) == len(values) == MOST + 20
    best = [trial.params for trial in there if not any(np.all(np.less(o.losses, trial.losses)) for o in there)]
    assert all(each in params for each in best[: MOST // 2])


def test_it_begins_with_their_fronts_and_the_design_in_turn() -> None:
    there = trials(sampled(40))
    points = opening(REAL, [there], REFERENCE, 8, seed=0, skip=0)
    assert points[1::2] == design(REAL, 4, seed=0)
    known = {REAL.key(trial.params) for trial in there}
    assert all(REAL.key(params) in known for params in points[::2])
    one_by_one = [opening(REAL, [there], REFERENCE, 1, seed=0, skip=n)[0] for n in range(8)]
    assert one_by_one == points
    assert opening(REAL, [], REFERENCE, 5, seed=0, skip=2) == design(REAL, 5, seed=0, skip=2)


def test_a_short_front_leaves_the_rest_to_the_design() -> None:
    points = opening(REAL, [trials(sampled(1))], REFERENCE, 6, seed=0, skip=0)
    assert points[1:] == design(REAL, 5, seed=0)


@pytest.mark.slow  # 6 searches
def test_an_earlier_study_of_a_like_problem_saves_trials() -> None:
    def like(params: Params) -> tuple[float, float]:
        first, second = mixture({**params, "learning_rate": min(1.0, 2.0 * params["learning_rate"])})
        return 1.3 * first + 0.1, 1.3 * second

    reference, gained = [1.5, 1.5], []
    for seed in range(3):
        earlier = [search("ehvi", MIXED, like, 30, seed=seed + 10, reference=reference)]
        own: list[Trial] = []
        while len(own) < 14:
            (params,) = ehvi.propose(MIXED, own, 1, seed=seed, reference=np.array(reference), earlier=earlier)
            own.append(finished(len(own), params, mixture(params)))
        alone = search("ehvi", MIXED, mixture, 14, seed=seed, reference=reference)
        gained.append(volume(own, reference) / volume(alone, reference))
    assert np.median(gained) > 1.02, gained
