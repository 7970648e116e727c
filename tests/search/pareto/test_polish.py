import numpy as np
import pytest

from search.pareto import polish as module
from search.pareto.links import Link
from search.pareto.polish import polish

LINKS = [Link(), Link(0.0, 1.0), Link(0.0), Link(high=1.0)]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("start", [-8.0, -2.0, 3.0, 8.0])
def test_a_start_far_out_on_the_flat_end_still_arrives(link, start):
    """An undamped step from 8 on a logit goes to minus a thousand, where nothing moves any more."""
    target = link.metric(np.array([0.5]))
    found = polish(np.ones((1, 1)), target, link, np.array([[start]]), np.ones((1, 1)))
    assert found[0, 0] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("link", LINKS)
def test_no_fit_ends_worse_than_it_starts(link, seed):
    rng = np.random.default_rng(seed)
    u, _ = np.linalg.qr(rng.normal(size=(12, 5)))
    target = link.metric(3 * rng.normal(size=12))
    starts = 10 * rng.normal(size=(20, 5))
    present = rng.integers(0, 2, (20, 12)).astype(float)
    ends = polish(u, target, link, starts, present)

    def error(weights):
        return (present * (link.metric(weights @ u.T) - target) ** 2).sum(axis=1)

    assert np.isfinite(ends).all() and (error(ends) <= error(starts)).all(), f"{seed=}"


def test_rows_that_are_left_out_do_not_matter():
    u, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 3)))
    link, present = Link(0.0, 1.0), np.ones((1, 8))
    present[0, 5] = 0.0
    target = link.metric(np.random.default_rng(1).normal(size=8))
    changed = target.copy()
    changed[5] = 0.999
    one, other = (polish(u, values, link, np.zeros((1, 3)), present) for values in (target, changed))
    np.testing.assert_array_equal(one, other)


def test_no_step_is_taken_that_raises_the_error(monkeypatch):
    rng = np.random.default_rng(0)
    u, _ = np.linalg.qr(rng.normal(size=(12, 5)))
    link = Link(0.0, 1.0)
    target, starts, present = link.metric(3 * rng.normal(size=12)), 10 * rng.normal(size=(200, 5)), np.ones((200, 12))
    errors = []
    for steps in range(8):
        monkeypatch.setattr(module, "STEPS", steps)
        ends = polish(u, target, link, starts, present)
        errors.append(((link.metric(ends @ u.T) - target) ** 2).sum(axis=1))
    assert (np.diff(errors, axis=0) <= 0).all()
    assert (np.diff(errors, axis=0) == 0).any(), "some step was refused"
