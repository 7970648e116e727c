"""What the surrogate is told of trials that did not end, and of losses that explode."""

import numpy as np
import pytest
import torch

from search.curves import forecast
from search.propose._learnt import learnt, warped
from search.trial import curves
from tests.search.propose.worlds import REAL, finished, halfway

REFERENCE = np.array([2.0, 2.0])
rng = np.random.default_rng(0)
PARAMS = [REAL.sample(rng) for _ in range(12)]
LOSSES = rng.random((12, 2))


def test_finished_trials_are_known_exactly() -> None:
    seen = learnt([finished(i, PARAMS[i], LOSSES[i]) for i in range(6)], [], REFERENCE)
    np.testing.assert_allclose(seen.losses, LOSSES[:6])
    assert seen.variances is None


def test_others_are_known_as_well_as_they_are_forecast() -> None:
    done = [finished(i, PARAMS[i], LOSSES[i]) for i in range(6)]
    others = [halfway(6, PARAMS[6], LOSSES[6]), halfway(7, PARAMS[7], LOSSES[7], "running")]
    seen = learnt(done, others, REFERENCE)
    assert [trial.number for trial in seen.trials] == list(range(8))
    mean, deviation = forecast(curves([*done, *others], (1, 2)))
    np.testing.assert_allclose(seen.losses, mean)
    assert seen.variances is not None
    _, slope = warped(mean, seen.knee, seen.stretch)
    np.testing.assert_allclose(seen.variances, (slope * deviation) ** 2)
    assert (seen.variances[:6] == 0).all() and (seen.variances[6:] > 0).all()
    np.testing.assert_allclose(seen.losses[6:], LOSSES[6:8], atol=0.02)  # every curve falls by as much


def test_who_was_never_seen_is_not_learned_from() -> None:
    unseen = halfway(6, PARAMS[6], LOSSES[6])
    unseen = type(unseen)(**{**vars(unseen), "loss_curve": ()})
    seen = learnt([finished(i, PARAMS[i], LOSSES[i]) for i in range(6)], [unseen], REFERENCE)
    assert len(seen.trials) == len(seen.values) == 6 and seen.variances is None


def test_limits_are_not_forecast() -> None:
    done = [finished(i, PARAMS[i], LOSSES[i], (LOSSES[i, 0] - 0.5,)) for i in range(6)]
    seen = learnt(done, [halfway(6, PARAMS[6], LOSSES[6])], REFERENCE)
    assert seen.variances is not None
    assert np.isinf(seen.variances[6, 2]) and np.isfinite(seen.values).all()
    assert np.isfinite(seen.variances[6, :2]).all()
    np.testing.assert_array_equal(np.sign(seen.values[:6, 2]), np.sign(LOSSES[:6, 0] - 0.5))


def test_good_losses_are_learned_as_they_are_and_huge_ones_as_logarithms() -> None:
    knee, stretch = np.array([1.0]), np.array([0.5])
    at = np.array([[-9.0], [-8.0], [0.9], [1.1], [2.0], [1e8], [1e9]])
    values, slope = warped(at, knee, stretch)
    assert (np.diff(values[:, 0]) > 0).all()
    np.testing.assert_allclose(values[1] - values[0], 2.0)  # in units of the stretch
    np.testing.assert_allclose(values[6] - values[5], np.log(10.0) / 2.0, rtol=1e-6)
    step = 1e-6
    numeric = (warped(at[:5] + step, knee, stretch)[0] - warped(at[:5] - step, knee, stretch)[0]) / (2 * step)
    np.testing.assert_allclose(slope[:5], numeric, rtol=1e-3)


def test_what_is_warped_comes_back_as_losses_and_violations_stay() -> None:
    done = [finished(i, PARAMS[i], 30.0 * LOSSES[i] ** 3, (LOSSES[i, 0] - 0.5,)) for i in range(12)]
    seen = learnt(done, [], REFERENCE)
    back = seen.real(torch.from_numpy(seen.values))
    np.testing.assert_allclose(back[:, :2], 30.0 * LOSSES**3)
    np.testing.assert_array_equal(back[:, 2], seen.values[:, 2])


def test_the_variance_of_a_great_loss_is_that_of_its_logarithm() -> None:
    done = [finished(i, PARAMS[i], LOSSES[i]) for i in range(6)]
    noise = np.random.default_rng(1).random((6, 2))
    rough = [
        type(t)(**{**vars(t), "loss_curve": ((1, tuple(t.losses + noise[i])), t.loss_curve[1])})
        for i, t in enumerate(done)
    ]
    near, far = (learnt(rough, [halfway(6, PARAMS[6], loss)], REFERENCE).variances for loss in ((0.5, 0.5), (9.0, 9.0)))
    assert near is not None and far is not None
    assert (far[6] < 0.1 * near[6]).all()


@pytest.mark.parametrize("m", [1, 3])
def test_any_number_of_objectives(m: int) -> None:
    several = np.random.default_rng(2).random((7, m))
    done = [finished(i, PARAMS[i], several[i]) for i in range(6)]
    seen = learnt(done, [halfway(6, PARAMS[6], several[6])], np.full(m, 2.0))
    assert seen.values.shape == (7, m)


def test_what_explodes_is_not_known_as_a_loss_and_its_trial_is_named() -> None:
    far = [(0.5, 2.0 + 3.9 * 1.9), (0.5, 2.0 + 5.0 * 1.9)]  # the best second loss is 0.1
    done = [finished(i, PARAMS[i], (0.1 + 0.1 * i, 1.0 - 0.1 * i)) for i in range(10)]
    seen = learnt([*done, *(finished(10 + i, PARAMS[i], each) for i, each in enumerate(far))], [], REFERENCE)
    assert seen.exploded == {11}
    assert seen.variances is not None and np.isinf(seen.variances[11, 1])
    assert not np.delete(seen.variances.ravel(), 11 * 2 + 1).any()
    assert np.isfinite(seen.values).all()
