from math import erf

import numpy as np
import pytest

from search.errors import SearchError
from search.pareto.belief import of_moments, of_repeats
from search.pareto.dominance import is_nondominated
from search.pareto.hypervolume import hypervolume
from search.pareto.uncertainty import draws, gains, hypervolume_interval, intervals, on_front, repeat_next

SEEDS = range(4)


def phi(z):
    return (1 + np.vectorize(erf)(np.asarray(z) / 2**0.5)) / 2


def problem(seed, n, noise):
    """True losses, and evaluations of each: noise of own size, whose objectives vary together by half."""
    rng = np.random.default_rng(seed)
    truth, size = rng.normal(size=(n, 2)) * 0.3, noise * np.exp(rng.normal(0, 0.5, n))
    mixed = np.array([[1.0, 0.5], [0.0, 0.75**0.5]])

    def evaluate(i, repeats):
        return truth[i] + size[i] * np.random.default_rng([seed, i]).normal(size=(repeats, 2)) @ mixed

    return rng, truth, evaluate


def crowded(seed, n=30):
    """A hard edge that most true losses lie on or near, as at the end of a search."""
    rng = np.random.default_rng(seed)
    x, behind = rng.random(n), rng.exponential(0.25, n)
    return rng, np.stack([x + 0.3 * behind, 1 - np.sqrt(x) + behind], axis=1)


def by_definition(truth):
    """(s, n, m) -> (s, n): no other row is at most as large everywhere and smaller somewhere."""
    least = (truth[:, :, None] <= truth[:, None]).all(axis=3)  # (s, n, n): row i is nowhere worse than row k
    return ~(least & ~least.transpose(0, 2, 1)).any(axis=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_probability_is_that_of_plain_draws_by_the_definition(seed):
    rng = np.random.default_rng(seed)
    mean = rng.integers(0, 4, (9, 3)).astype(float)
    deviation = np.where(rng.random((9, 3)) < 0.5, 0.0, 0.7)  # certain losses tie
    plain = mean + deviation * rng.normal(size=(8000, 9, 3))
    found = on_front(of_moments(mean, deviation=deviation, shrink=False), samples=4096)
    np.testing.assert_allclose(found, by_definition(plain).mean(axis=0), atol=0.03, err_msg=f"{seed=}")


def test_what_is_certain_is_said_so_ties_included():
    losses = np.array([[0, 1], [1, 0], [1, 0], [1, 1], [0, 2]])
    belief = of_moments(losses, deviation=np.zeros((5, 2)), shrink=False)
    assert on_front(belief, samples=8).tolist() == is_nondominated(losses).tolist() == [1, 1, 1, 0, 0]
    low, high = intervals(belief)
    assert (low == losses).all() and (high == losses).all()
    assert hypervolume_interval(belief, [3, 3], samples=8) == (hypervolume(losses, [3, 3]),) * 3
    assert not gains(belief).any() and repeat_next(belief) is None


def test_of_two_points_the_one_of_less_loss_has_the_normal_probability():
    belief = of_moments([[0.0], [1.0]], deviation=[[0.6], [0.8]], shrink=False)
    np.testing.assert_allclose(on_front(belief, samples=8192), [phi(1.0), phi(-1.0)], atol=0.01)


def test_draws_have_the_covariance_and_the_tails_that_are_believed():
    covariance = np.array([[[1.0, 0.8], [0.8, 2.0]]] * 2)
    drawn = draws(of_moments(np.zeros((2, 2)), covariance=covariance, shrink=False), samples=8192)
    np.testing.assert_allclose(np.cov(drawn.transpose(1, 2, 0).reshape(4, -1))[:2, :2], covariance[0], atol=0.06)
    assert np.abs(np.corrcoef(drawn.reshape(-1, 4).T)[:2, 2:]).max() < 0.04, "points are independent"
    groups = [[[-1.0], [1.0]], [[4.0], [6.0]]]
    belief = of_repeats(groups, shrink=False)
    low, high = intervals(belief, level=0.8)
    drawn = draws(belief, samples=8192)
    inside = ((low <= drawn) & (drawn <= high)).mean(axis=0)
    np.testing.assert_allclose(inside, 0.8, atol=0.015)


def test_strata_are_met_and_a_seed_repeats():
    belief = of_moments(np.zeros((3, 2)), deviation=np.ones((3, 2)), shrink=False)
    drawn = draws(belief, samples=100, seed=3)
    np.testing.assert_allclose(
        np.sort(phi(drawn), axis=0), ((np.arange(100) + 0.5) / 100)[:, None, None] * np.ones((3, 2))
    )
    assert (draws(belief, samples=100, seed=3) == drawn).all() and (draws(belief, samples=100) != drawn).any()
    assert (gains(belief, seed=1) == gains(belief, seed=1)).all()


def test_stated_probabilities_are_met_and_so_are_the_intervals():
    stated, held, inside, volumes = [], [], [], []
    for seed in range(60):
        rng, truth, evaluate = problem(seed, 30, 0.15)
        belief = of_repeats([evaluate(i, r) for i, r in enumerate(rng.integers(2, 6, 30))])
        stated.append(on_front(belief, samples=512))
        held.append(is_nondominated(truth))
        low, high = intervals(belief, level=0.9)
        inside.append(((low <= truth) & (truth <= high)).mean())
        least, _, most = hypervolume_interval(belief, [1, 1], level=0.9, samples=128)
        volumes.append(least <= hypervolume(truth, [1, 1]) <= most)
    p, on = np.concatenate(stated), np.concatenate(held)
    places = np.minimum((p * 10).astype(int), 9)
    table = {k: (int((places == k).sum()), p[places == k].mean(), on[places == k].mean()) for k in range(10)}
    for k, (n, said, share) in table.items():
        assert n >= 15 and abs(share - said) < 3 * (said * (1 - said) / n) ** 0.5 + 0.01, f"bin {k} of {table}"
    assert np.mean(inside) == pytest.approx(0.9, abs=0.02)
    assert 0.78 <= np.mean(volumes) <= 0.98, np.mean(volumes)  # 60 of them: a standard error of 0.04


def test_at_a_crowded_edge_shrinking_is_nearer_to_the_truth_than_taking_all_losses_as_likely():
    brier, missed = {}, {}
    for shrink in (False, True):
        errors, misses = [], []
        for seed in range(20):
            rng, truth = crowded(seed)
            belief = of_repeats([x + 0.1 * rng.normal(size=(3, 2)) for x in truth], shrink=shrink)
            errors.append(((on_front(belief, samples=256) - is_nondominated(truth)) ** 2).mean())
            middle = hypervolume_interval(belief, [1.5, 1.5], samples=64)[1]
            misses.append(middle - hypervolume(truth, [1.5, 1.5]))
        brier[shrink], missed[shrink] = np.mean(errors), np.mean(misses)
    assert brier[True] < brier[False]
    assert 0 < missed[True] < 0.75 * missed[False], "both see the front beyond the edge"


@pytest.mark.parametrize(
    ("own", "other", "noise"), [(0.5, 0.5, 0.5), (0.5, 0.1, 1.0), (1.0, 0.5, 0.2), (0.2, 1.0, 0.2)]
)
def test_the_gain_of_two_points_is_the_closed_form(own, other, noise):
    apart = 0.4
    belief = of_moments([[0.0], [apart]], deviation=[[own], [other]], noise=[[noise]] * 2, shrink=False)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    expected = []
    for mine, others in ((own, other), (other, own)):
        moves = mine**2 / (mine**2 + noise**2) ** 0.5  # the deviation of the mean after one more evaluation
        left = (mine**2 * noise**2 / (mine**2 + noise**2) + others**2) ** 0.5
        after = phi((apart + moves * nodes) / left)
        weight = weights / weights.sum()
        expected.append(2 * (weight @ after**2 - (weight @ after) ** 2))
    # 64 answers: the mean of as many squares, at three standard errors of some 12 percent
    found = np.mean([gains(belief, samples=2048, seed=seed) for seed in range(9)], axis=0)
    np.testing.assert_allclose(found, expected, rtol=0.15, atol=0.01)


def test_the_gain_is_what_conditioning_on_every_answer_gives():
    found, expected = [], []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        mean, known = rng.normal(size=(5, 2)) * 0.5, np.full((5, 2), 0.4)
        belief = of_moments(mean, deviation=known, noise=known, shrink=False)
        found.append(np.mean([gains(belief, seed=s) for s in range(3)], axis=0))
        unit = rng.normal(size=(1000, 5, 2))
        before = by_definition(mean + 0.4 * unit).mean(axis=0)
        for i in range(5):
            changed = []
            for _ in range(60):
                # An answer as certain as what is known: half of the variance moves the mean, and half is left.
                middle, left = mean.copy(), known.copy()
                middle[i] += 0.4 / 2**0.5 * rng.normal(size=2)
                left[i] /= 2**0.5
                changed.append(((by_definition(middle + left * unit).mean(axis=0) - before) ** 2).sum())
            expected.append(np.mean(changed))
    # 60 and 3 x 64 answers of gains up to 0.06, each a mean of squares: some 0.006 of standard error together
    np.testing.assert_allclose(np.concatenate(found), expected, atol=0.018)
    assert np.mean(found) == pytest.approx(np.mean(expected), rel=0.1)
    assert np.corrcoef(np.concatenate(found), expected)[0, 1] > 0.9


def test_who_decides_nothing_is_not_repeated():
    mean = [[0.0, 1.0], [0.05, 0.95], [9.0, 9.0], [1.0, -5.0]]
    belief = of_moments(mean, deviation=np.full((4, 2), 0.1), noise=[[0.1, 0.1]] * 4, shrink=False)
    found = gains(belief)
    assert found[2] == 0 and abs(found[3]) < 0.01 and found[:2].min() > 0.03
    assert repeat_next(belief) in (0, 1)
    deaf = of_moments(mean, deviation=np.full((4, 2), 0.1), noise=[[9, 9], [0.1, 0.1], [9, 9], [9, 9]], shrink=False)
    assert repeat_next(deaf) == 1 and gains(deaf)[0] < 0.01


def wrong_members(evaluate, truth, counts):
    """Of the members p > 1/2, and of the front of the means taken at its word."""
    groups = [evaluate(i, r) for i, r in enumerate(counts)]
    right = is_nondominated(truth)
    word = is_nondominated([group.mean(axis=0) for group in groups])
    return [int((claim != right).sum()) for claim in (on_front(of_repeats(groups), samples=512) > 0.5, word)]


def repeated(seed, n=20, start=2, extra=60):
    """Wrong members (start, even, chosen; p > 1/2, word) after two evaluations of each, and ``extra`` more."""
    _, truth, evaluate = problem(seed, n, 0.15)
    counts = np.full(n, start)
    for step in range(extra):
        belief = of_repeats([evaluate(i, r) for i, r in enumerate(counts)])
        chosen = repeat_next(belief, samples=256, seed=step)
        counts[counts.argmin() if chosen is None else chosen] += 1
    budgets = [np.full(n, start), np.full(n, start + extra // n), counts]
    return [wrong_members(evaluate, truth, budget) for budget in budgets]


@pytest.mark.slow
def test_chosen_repeats_leave_fewer_wrong_members_than_even_ones_and_than_none():
    found = np.array([repeated(seed) for seed in range(24)])
    (start, start_word), (even, even_word), (chosen, _) = found.mean(axis=0)
    assert chosen < 0.85 * min(even, even_word), found.mean(axis=0)
    assert chosen < 0.6 * min(start, start_word), found.mean(axis=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: intervals(b, level=1.0), r"level: expected a probability between 0 and 1, got 1.0"),
        (lambda b: hypervolume_interval(b, [1, 1], level=0), r"level: expected a probability between 0 and 1, got 0"),
        (lambda b: hypervolume_interval(b, [1]), r"reference: expected one number an objective, shape \(2,\)"),
        (lambda b: on_front(b, samples=1), r"samples: expected at least 2, got 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(SearchError, match=message):
        call(of_moments([[0.0, 1.0]], deviation=[[1.0, 1.0]]))
