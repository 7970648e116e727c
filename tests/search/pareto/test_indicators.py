from math import dist

import numpy as np
import pytest

from search.errors import SearchError
from search.pareto import indicators as module
from search.pareto.indicators import epsilon, gd, gd_plus, igd_plus, r2, spread, uniform

SEEDS = range(6)
OF_A_FRONT = [igd_plus, gd_plus, gd, epsilon, spread]


def worse(a, z):
    return sum(max(x - y, 0.0) ** 2 for x, y in zip(a, z, strict=True)) ** 0.5


def dominates(a, b):
    return all(x <= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)


def front_of(points):
    return sorted({tuple(p) for p in points if not any(dominates(q, p) for q in points)})


def spread_by_definition(points, reference):
    points, reference = front_of(points), front_of(reference)
    ends = [min(reference, key=lambda z, j=j: (-z[j], sum(z))) for j in range(len(reference[0]))]
    missed = sum(min(dist(e, p) for p in points) for e in ends)
    steps = [min((dist(p, q) for q in points if q != p), default=0.0) for p in points]
    mean = sum(steps) / len(steps)
    below = missed + len(steps) * mean
    return (missed + sum(abs(d - mean) for d in steps)) / below if below else 0.0


DEFINITIONS = {
    igd_plus: lambda a, z: np.mean([min(worse(p, q) for p in a) for q in z]),
    gd_plus: lambda a, z: np.mean([min(worse(p, q) for q in z) for p in a]),
    gd: lambda a, z: np.mean([min(dist(p, q) for q in z) for p in a]),
    epsilon: lambda a, z: max(min(max(p - q) for p in a) for q in z),
    spread: spread_by_definition,
}


@pytest.mark.parametrize("indicator", OF_A_FRONT)
@pytest.mark.parametrize("m", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", SEEDS)
def test_each_is_its_definition_with_and_without_ties(indicator, m, seed):
    rng = np.random.default_rng(seed)
    for draw in (lambda n: rng.normal(size=(n, m)), lambda n: rng.integers(0, 4, (n, m)).astype(float)):
        a, z = draw(9), draw(7)
        expected = DEFINITIONS[indicator](a, z)
        assert indicator(a, z) == pytest.approx(expected, rel=1e-12, abs=1e-12), f"{seed=}"
        one = a[:1]
        assert indicator(one, z) == pytest.approx(DEFINITIONS[indicator](one, z), rel=1e-12, abs=1e-12), f"{seed=}"


@pytest.mark.parametrize("seed", SEEDS)
def test_r2_is_its_definition_with_and_without_ties(seed):
    rng = np.random.default_rng(seed)
    for a in (rng.normal(size=(9, 3)), rng.integers(0, 4, (9, 3)).astype(float)):
        weights, ideal = rng.uniform(0, 1, (11, 3)), a.min(axis=0)
        expected = np.mean([min(max(w * (p - ideal)) for p in a) for w in weights])
        assert r2(a, ideal, weights=weights) == pytest.approx(expected, rel=1e-12), f"{seed=}"
        assert r2(a, ideal) == pytest.approx(r2(a, ideal, weights=uniform(3)), rel=1e-12)


def test_r2_with_made_weights_nears_the_integral_over_all_weights():
    # One point a: the integral over w in [0, 1] of max(w a_1, (1 - w) a_2); here that of max(w, 1 - w) is 3/4.
    assert r2([[1, 1]], [0, 0]) == pytest.approx(0.75, abs=2e-3)


@pytest.mark.parametrize("indicator", [igd_plus, epsilon, lambda a, z: r2(a, np.zeros(3))])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_set_that_is_dominated_is_never_better_even_among_ties(indicator, seed):
    rng = np.random.default_rng(seed)
    for _ in range(20):
        z, better = rng.integers(0, 5, (6, 3)).astype(float), rng.integers(0, 5, (5, 3)).astype(float)
        dominated = better[rng.integers(0, 5, 7)] + rng.integers(0, 3, (7, 3))
        assert indicator(better, z) <= indicator(dominated, z) + 1e-12, f"{seed=}"


def test_the_example_of_ishibuchi_orders_two_sets_as_dominance_does():
    z = [[10, 0], [6, 1], [2, 2], [1, 6], [0, 10]]
    a, b = [[4, 2], [3, 3], [2, 4]], [[8, 2], [4, 4], [2, 8]]
    assert igd_plus(a, z) == pytest.approx(1.482842712474619) and igd_plus(b, z) == pytest.approx(2.260112615949154)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_the_reference_front_itself_is_perfect(m):
    z = uniform(m, 60)
    for indicator in OF_A_FRONT:
        assert indicator(z, z) == pytest.approx(0.0, abs=1e-12), indicator.__name__
        assert indicator(z + 0.1, z) > 0.05 or indicator is spread


def test_spread_sees_a_missing_end_and_a_gap():
    z = np.stack([np.arange(11.0), 10 - np.arange(11.0)], axis=1)
    even = spread(z, z)
    assert even == pytest.approx(0.0, abs=1e-12)
    assert spread(z[2:-2], z) > 0.2 and spread(z[[0, 1, 2, 3, 10]], z) > 0.2
    assert spread(np.vstack([z, z, z + 1]), z) == pytest.approx(even, abs=1e-12), "equal and dominated rows"


@pytest.mark.parametrize(("m", "at_most"), [(1, 5), (2, 500), (3, 500), (5, 100), (10, 3)])
def test_made_weights_are_a_whole_lattice_of_the_simplex(m, at_most):
    weights = uniform(m, at_most)
    assert len(weights) <= max(at_most, m) and len(np.unique(weights.round(9), axis=0)) == len(weights)
    assert (weights >= 0).all() and weights.sum(axis=1) == pytest.approx(1.0)
    assert {tuple(corner) for corner in np.eye(m)} <= {tuple(w) for w in weights.round(12)}
    np.testing.assert_allclose(np.sort(weights, axis=0), np.sort(weights[:, ::-1], axis=0), atol=1e-12)


@pytest.mark.parametrize("indicator", OF_A_FRONT)
def test_bad_input_is_refused(indicator):
    with pytest.raises(SearchError, match=r"losses: expected at least one row, got \(0, 2\)"):
        indicator(np.zeros((0, 2)), [[0, 0]])
    with pytest.raises(SearchError, match=r"reference: expected at least one row, got \(0, 2\)"):
        indicator([[0, 0]], np.zeros((0, 2)))
    with pytest.raises(SearchError, match=r"reference: expected one row a point, shape \(n, 2\), got \(1, 3\)"):
        indicator([[0, 0]], [[0, 0, 0]])
    with pytest.raises(SearchError, match=r"losses row 0: expected finite numbers"):
        indicator([[0, np.nan]], [[0, 0]])


def test_bad_input_of_r2_is_refused():
    with pytest.raises(SearchError, match=r"weights: expected numbers >= 0, not all zero"):
        r2([[1, 2]], [0, 0], weights=[[1, 0], [0, 0]])
    with pytest.raises(SearchError, match=r"weights: expected one row a point, shape \(n, 2\), got \(1, 3\)"):
        r2([[1, 2]], [0, 0], weights=[[1, 1, 1]])
    with pytest.raises(SearchError, match=r"ideal: expected one number an objective, shape \(2,\), got \(1,\)"):
        r2([[1, 2]], [0])
    with pytest.raises(SearchError, match=r"m: expected at least one objective, got 0"):
        uniform(0)


def test_moocore_does_the_work(monkeypatch):
    asked = []
    for name in ("igd", "igd_plus", "epsilon_additive"):
        monkeypatch.setattr(module.moocore, name, lambda *a, name=name, **k: asked.append(name) or 0.0)
    for indicator in (gd, gd_plus, igd_plus, epsilon):
        indicator([[0, 0]], [[0, 0]])
    assert asked == ["igd", "igd_plus", "igd_plus", "epsilon_additive"]


def test_nothing_is_written_to(frozen):
    a, z = frozen(uniform(3, 20)), frozen(uniform(3, 40))
    for indicator in OF_A_FRONT:
        indicator(a, z)
    r2(a, frozen(np.zeros(3)), weights=z)
