import numpy as np
import pytest

from search.errors import SearchError
from search.pareto.belief import of_moments, of_repeats

SEEDS = range(6)


def evaluated(rng, truth, deviation, repeats):
    """Groups of evaluations about ``truth`` (n, m), normal with ``deviation`` (n, m)."""
    return [x + s * rng.normal(size=(r, len(x))) for x, s, r in zip(truth, deviation, repeats, strict=True)]


@pytest.mark.parametrize("seed", SEEDS)
def test_where_all_vary_alike_the_variance_is_the_pooled_one(seed):
    rng = np.random.default_rng(seed)
    groups = [np.array([[x - 1.0], [x + 1.0]]) for x in rng.normal(size=8)]  # every variance is 2
    belief = of_repeats(groups, shrink=False)
    np.testing.assert_allclose(belief.deviation, 1.0, err_msg=f"{seed=}")
    assert (belief.freedom == 8).all() and belief.mean[:, 0] == pytest.approx([g.mean() for g in groups])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_variance_lies_between_its_own_and_the_typical_one_where_they_differ(seed):
    rng = np.random.default_rng(seed)
    size = np.exp(rng.normal(0, 0.7, (300, 1)))
    groups = evaluated(rng, np.zeros((300, 1)), size, np.full(300, 5))
    belief, own = of_repeats(groups, shrink=False), np.array([np.var(g, ddof=1) / 5 for g in groups])
    d = 4
    prior = belief.freedom[0, 0] - d
    assert 0 < prior <= 8 and (belief.freedom == prior + d).all(), f"{seed=}"
    typical = ((prior + d) * belief.deviation[:, 0] ** 2 - d * own) / prior
    np.testing.assert_allclose(typical, typical[0], rtol=1e-9, err_msg=f"{seed=}")
    wrong = {
        name: np.mean(np.log(v / (size[:, 0] ** 2 / 5)) ** 2)
        for name, v in {"own": own, "pooled": np.full(300, own.mean()), "both": belief.deviation[:, 0] ** 2}.items()
    }
    assert wrong["both"] < min(wrong["own"], wrong["pooled"]), f"{seed=} {wrong}"


@pytest.mark.parametrize("prior", [2, 8, np.inf])
def test_the_degrees_of_freedom_of_the_prior_are_found(prior):
    rng = np.random.default_rng(1)
    size = np.ones(4000) if np.isinf(prior) else np.sqrt(prior / rng.chisquare(prior, 4000))
    groups = evaluated(rng, np.zeros((4000, 1)), 3 * size[:, None], np.full(4000, 3))
    belief = of_repeats(groups, shrink=False)
    assert (belief.freedom == min(prior + 2, 8000)).all()


def test_a_single_evaluation_takes_the_variance_of_the_others():
    belief = of_repeats([[[0.0, 5.0]], [[1.0, 0.0], [3.0, 0.0]]], shrink=False)
    np.testing.assert_allclose(belief.deviation, [[2**0.5, 0.0], [1.0, 0.0]])
    assert belief.freedom.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_equal_repeats_among_others_are_no_certainty():
    groups = [[[0.0], [0.0]], [[1.0], [1.5]], [[2.0], [2.2]], [[3.0], [3.3]]]
    assert (of_repeats(groups, shrink=False).deviation > 0.05).all()


def test_objectives_that_vary_together_are_seen():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(200, 4, 1)) * [1.0, 2.0]
    belief = of_repeats(noise, shrink=False)
    covariance = np.einsum("nij,nkj->nik", belief.noise, belief.noise)
    correlation = covariance[:, 0, 1] / np.sqrt(covariance[:, 0, 0] * covariance[:, 1, 1])
    np.testing.assert_allclose(correlation, 600 / 602)
    assert np.sqrt(covariance[:, 1, 1]).mean() == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_shrinking_is_nearer_to_the_truth_and_says_how_near(m, seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(400, m)) @ (np.eye(m) + 0.5)
    deviation = np.exp(rng.normal(0, 0.7, (400, m)))
    seen = truth + deviation * rng.normal(size=truth.shape)
    raw, belief = (of_moments(seen, deviation=deviation, shrink=shrink) for shrink in (False, True))
    assert (raw.mean == seen).all() and raw.deviation == pytest.approx(deviation)
    assert ((belief.mean - truth) ** 2).mean() < 0.75 * ((seen - truth) ** 2).mean(), f"{seed=}"
    squared = (belief.mean - truth) ** 2
    # the mean of 400 m squares that vary by twice themselves squared, at three standard errors
    assert squared.mean() == pytest.approx((belief.deviation**2).mean(), rel=3 * (2 / (400 * m)) ** 0.5 + 0.05)


def test_shrinking_of_one_objective_is_the_formula_of_efron_and_morris():
    rng = np.random.default_rng(0)
    seen = rng.normal(0, 2.0, (50, 1))
    belief = of_moments(seen, deviation=np.ones((50, 1)))
    spread = np.var(seen) - 1  # of most likelihood, where all vary alike
    pull = spread / (spread + 1)
    np.testing.assert_allclose(belief.mean, seen.mean() + pull * (seen - seen.mean()), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(belief.deviation, pull**0.5, rtol=1e-4)


def test_nothing_moves_towards_an_outlier_and_few_points_stay_as_they_were():
    seen = np.vstack([np.random.default_rng(0).normal(size=(20, 2)), [[1e4, 1e4]]])
    moved = of_moments(seen, deviation=np.full((21, 2), 0.3)).mean
    np.testing.assert_allclose(moved.sum(axis=1), seen.sum(axis=1), atol=0.01)
    assert (of_moments(seen[:4], deviation=np.ones((4, 2))).mean == seen[:4]).all()


def test_units_do_not_matter():
    rng = np.random.default_rng(0)
    groups, unit = evaluated(rng, rng.normal(size=(12, 2)), np.ones((12, 2)), rng.integers(1, 5, 12)), [1e6, 1e-6]
    one, other = of_repeats(groups), of_repeats([g * unit for g in groups])
    np.testing.assert_allclose(other.mean, one.mean * unit, rtol=1e-6)
    np.testing.assert_allclose(other.deviation, one.deviation * unit, rtol=1e-6)


def test_a_certain_objective_stays_what_it_is():
    rng = np.random.default_rng(0)
    groups = [np.stack([rng.normal(size=3), np.full(3, float(i))], axis=1) for i in range(9)]
    for belief in (of_repeats(groups), of_repeats([g * [1, 0] for g in groups])):
        assert (belief.deviation[:, 1] < 1e-5).all() and (belief.deviation[:, 0] > 0.05).all()
    assert of_repeats(groups).mean[:, 1] == pytest.approx(range(9), abs=1e-6)


def test_covariances_are_taken_whole():
    covariance = np.array([[[4.0, 1.0], [1.0, 1.0]]])
    belief = of_moments([[0.0, 0.0]], covariance=covariance, noise=[[1.0, 3.0]])
    np.testing.assert_allclose(belief.root[0] @ belief.root[0].T, covariance[0])
    np.testing.assert_allclose(belief.noise[0] @ belief.noise[0].T, np.diag([1.0, 9.0]))
    assert np.isinf(belief.freedom).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: of_repeats([]), r"repeats: expected a configuration or more, each of shape \(r >= 1, m\), got \[\]"),
        (lambda: of_repeats([[[1, 2]], [[1]]]), r"repeats: expected a configuration or more"),
        (lambda: of_repeats([np.zeros((0, 2))]), r"repeats: expected a configuration or more"),
        (lambda: of_repeats([[[1, 2]], [[3, 4]]]), r"a configuration that was evaluated twice, got 'none'. State the"),
        (lambda: of_repeats([[[1.0]], [[1.0], [np.nan]]]), r"repeats 1 row 1: expected finite numbers"),
        (lambda: of_moments([[1, 2]]), r"deviation, covariance: expected one of them"),
        (lambda: of_moments([[1]], deviation=[[1]], covariance=[[[1]]]), r"deviation, covariance: expected one of"),
        (lambda: of_moments([[1, 2]], deviation=[[1, -1]]), r"deviation: expected numbers >= 0 of shape \(1, 2\)"),
        (lambda: of_moments([[1, 2]], deviation=[[1, 1]], noise=[[1]]), r"noise: expected one row a point"),
        (lambda: of_moments([[1, 2]], covariance=[[1, 1]]), r"covariance: expected one matrix a point, shape \(1, 2"),
        (lambda: of_moments([[1, 2]], covariance=[[[1, 2], [2, 1]]]), r"symmetric matrices with no negative variance"),
        (lambda: of_moments([[1, 2]], covariance=[[[1, 0.5], [0, 1]]]), r"symmetric matrices with no negative"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(SearchError, match=message):
        call()


def test_nothing_is_written_to(frozen):
    rng = np.random.default_rng(0)
    of_repeats([frozen(rng.normal(size=(3, 2))) for _ in range(8)])
    of_moments(frozen(rng.normal(size=(8, 2))), deviation=frozen(np.ones((8, 2))))
