import numpy as np
import pytest

from search.pareto import estimate
from search.pareto import hypervolume as module
from search.pareto.hypervolume import contributions, curve, hypervolume, stated


def points(kind, n, m, seed):
    """n points; all but "cloud" are mutually non-dominated, on fronts that bulge out, are flat, or bulge in."""
    rng = np.random.default_rng(seed)
    if kind == "cloud":
        return rng.integers(0, 6, (n, m)) / 6
    shares = rng.dirichlet(np.ones(m), n)
    return {"out": 1 - np.sqrt(shares), "flat": shares, "in": shares**2}[kind]


KINDS = ["out", "flat", "in", "cloud"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [2, 4, 7])
def test_the_volume_is_unbiased_and_its_error_is_the_one_stated(monkeypatch, kind, m):
    monkeypatch.setattr(estimate, "SAMPLES", 256)
    losses, corner = points(kind, 20, m, seed=1), np.full(m, 1.1)
    exact = hypervolume(losses, corner)
    found = np.array([estimate.volume(losses, corner, seed=seed) for seed in range(60)])
    off = (found[:, 0] - exact) / found[:, 1]  # Student's t with 15 degrees of freedom, if all is well
    assert abs(off.mean()) < 4 * 1.07 / np.sqrt(60)
    assert 0.75 < off.std() < 1.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_growth_is_near_the_exact_one_and_never_falls(monkeypatch, kind, m):
    losses, corner = points(kind, 25, m, seed=2), np.full(m, 1.1)
    exact = [hypervolume(losses[: n + 1], corner) for n in range(25)]
    found = estimate.growth(losses, corner)
    np.testing.assert_allclose(found, exact, rtol=0.03)
    assert (np.diff(found) >= 0).all()
    monkeypatch.setattr(estimate, "DIRECTIONS", 1024)
    many = np.array([estimate.growth(losses, corner, seed=seed) for seed in range(64)])
    error = many.std(axis=0, ddof=1) / np.sqrt(64)  # nothing but rounding with one objective
    assert (np.abs(many.mean(axis=0) - exact) < 4.5 * error + 1e-12).all(), "unbiased"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_parts_are_near_the_exact_ones_with_ties_and_sum_to_no_more_than_all(kind, m):
    losses, corner = points(kind, 25, m, seed=3), np.full(m, 1.1)
    losses = np.vstack([losses, losses[:3]])  # of two that are equal neither would be missed
    found, exact = estimate.parts(losses, corner), contributions(losses, corner)
    np.testing.assert_allclose(found, exact, atol=0.01 * hypervolume(losses, corner))
    assert (found[:3] == 0).all() and (found[-3:] == 0).all() and (found >= 0).all()
    assert found.sum() <= estimate.growth(losses, corner)[-1] * (1 + 1e-12)


def test_the_same_seed_says_the_same_and_another_something_else():
    losses, corner = points("flat", 9, 6, seed=0), np.full(6, 1.1)
    for each in (estimate.volume, estimate.growth, estimate.parts):
        assert np.array_equal(each(losses, corner), each(losses, corner))
        assert not np.array_equal(each(losses, corner), each(losses, corner, seed=1))


def test_what_is_too_much_to_measure_is_estimated_in_each_function(monkeypatch):
    losses, corner = points("flat", 60, 9, seed=0), np.full(9, 1.1)
    for name in ("growth", "parts"):
        monkeypatch.setattr(estimate, name, lambda points, corner: np.arange(1.0, len(points) + 1))
    assert stated(losses, corner)[1] > 0 and stated(losses[:40], corner)[1] == 0
    assert curve(losses, corner).tolist() == contributions(losses, corner).tolist() == list(range(1, 61))
    beyond = np.vstack([np.full((1, 9), 2.0), losses])  # what holds nothing is not asked of
    assert curve(beyond, corner)[:3].tolist() == [0, 1, 2] and contributions(beyond, corner)[:2].tolist() == [0, 1]
    few = np.vstack([np.zeros((1, 9)), losses])  # one row dominates all: quick
    assert curve(few, corner).tolist() == [pytest.approx(1.1**9)] * 61
    assert module.is_exact(1, 9)


def test_many_points_in_many_objectives_take_no_time_worth_telling(monkeypatch):
    """Exactly, the curve of 300 points in 8 objectives took 9 s, that of 200 in 10 objectives 15 s."""
    exact = []
    volume = module.moocore.hypervolume
    monkeypatch.setattr(module.moocore, "hypervolume", lambda *a, **k: exact.append(a) or volume(*a, **k))
    for n, m in ((300, 8), (200, 10)):
        losses, corner = points("out", n, m, seed=0), np.full(m, 1.1)
        assert 0 < stated(losses, corner)[1] < 0.01 * hypervolume(losses, corner)
        curve(losses, corner), contributions(losses, corner)
    assert not exact
