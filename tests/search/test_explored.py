"""How much was looked at: oracles of the entropy, of what few uniform draws have, and of what is conditional."""

import subprocess
import sys
from itertools import product
from math import comb, log

import numpy as np
import pytest

from search.errors import SearchError
from search.explored import _binned, _shares, evenness, explored, usual
from search.space import Integer, Params, Space
from search.trial import Trial
from tests.search.propose.worlds import MIXED, REAL, failed, finished, history

NAMES = [
    "divergence", "divergence.alpha.order", "learning_rate", "depth", "weights.labels", "weights.teacher",
    "weights.entropy",
]  # fmt: skip


def trials(several: list[Params]) -> list[Trial]:
    return [finished(number, params, (1.0,)) for number, params in enumerate(several)]


def uniform(space: Space, n: int, seed: int = 0) -> list[Trial]:
    rng = np.random.default_rng(seed)
    return trials([space.sample(rng) for _ in range(n)])


@pytest.mark.parametrize("p", [(0.5, 0.5), (0.2, 0.3, 0.5), (0.25, 0.0, 0.75), (0.1,) * 10])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_what_few_draws_have_is_the_mean_over_all_that_can_be_drawn(n: int, p: tuple[float, ...]) -> None:
    mean = 0.0
    for draws in product(range(len(p)), repeat=n):
        shares = np.bincount(draws) / n
        shares = shares[shares > 0]
        mean -= float(np.prod([p[k] for k in draws]) * (shares * np.log(shares)).sum())
    assert usual(n, np.array(p)) == pytest.approx(mean, abs=1e-12)


def test_what_many_draws_have_is_the_sum_over_the_whole_binomial() -> None:
    n, p = 3000, 0.01
    whole = [comb(n, b) * p**b * (1 - p) ** (n - b) * b * log(b) for b in range(1, 150)]
    assert usual(n, np.array([p, *[0.0099] * 100])) < log(101)
    assert usual(n, np.full(100, p)) == pytest.approx(log(n) - 100 * sum(whole) / n, abs=1e-10)


def test_one_value_is_nothing_and_uniform_ones_are_all_of_it() -> None:
    same = explored(MIXED, trials([MIXED.usual | {"divergence": "forward_kl"}] * 30))
    assert {name: figure for name, figure in same.dimensions.items() if figure is not None} == {
        name: 0.0 for name in NAMES if name != "divergence.alpha.order"
    }
    assert same.dimensions["divergence.alpha.order"] is None and same.overall == 0.0
    many = explored(MIXED, uniform(MIXED, 3000))
    assert list(many.dimensions) == NAMES
    assert all(figure is not None and figure > 0.99 for figure in many.dimensions.values())
    assert many.overall is not None and many.overall > 0.995


@pytest.mark.parametrize("n", [8, 20, 100])
def test_few_uniform_trials_are_not_said_to_be_unexplored(n: int) -> None:
    figures = [explored(MIXED, uniform(MIXED, n, seed)).overall for seed in range(20)]
    assert np.mean([figure for figure in figures if figure is not None]) > 0.9


def test_a_search_that_stays_in_a_part_is_told_from_few_trials() -> None:
    rng = np.random.default_rng(0)
    narrow = [REAL.sample(rng) | {"x0": float(rng.uniform(0.4, 0.6))} for _ in range(40)]
    told = explored(REAL, trials(narrow)).dimensions
    assert told["x0"] is not None and told["x0"] == pytest.approx(log(2) / usual(40, np.full(10, 0.1)), abs=0.02)
    assert all(figure is not None and figure > 0.9 for name, figure in told.items() if name != "x0")


def test_what_is_conditional_is_told_of_the_trials_that_have_it() -> None:
    without = [p for p in (t.params for t in uniform(MIXED, 200)) if p["divergence"] == "forward_kl"]
    order = "divergence.alpha.order"
    rest = {name: value for name, value in MIXED.usual.items() if name != "divergence"}
    alpha = [{"divergence": "alpha", order: 0.5 + 1e-3 * i, **rest} for i in range(5)]
    assert explored(MIXED, trials(without)).dimensions[order] is None
    assert explored(MIXED, trials(without + alpha[:1])).dimensions[order] is None
    assert explored(MIXED, trials(without + alpha)).dimensions[order] == 0.0
    spread = [{**params, order: -0.9 + 0.6 * i} for i, params in enumerate(alpha)]
    assert explored(MIXED, trials(without + spread)).dimensions[order] == 1.0


def test_whole_numbers_are_expected_as_uniform_draws_have_them() -> None:
    rng = np.random.default_rng(0)
    for low, high, scaled in [(1, 4, False), (1, 13, False), (1, 1000, True), (2, 5, True), (0, 200, False)]:
        dimension = Integer(name="k", low=low, high=high, log=scaled)
        drawn = [dimension.decode(rng.random(1)) for _ in range(20_000)]
        counts = np.bincount(_binned(np.array([dimension.encode(k)[0] for k in drawn]), 10), minlength=10)
        shares = _shares(dimension, 10)
        assert shares.min() >= 0.0 and shares.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(counts / 20_000, shares, atol=0.015)


def test_how_a_trial_ended_and_merged_models_do_not_matter_nor_does_the_order() -> None:
    known = history(MIXED, 40, 2)
    told = explored(MIXED, known)
    assert told == explored(MIXED, known[:-1]) == explored(MIXED, known[::-1])
    assert told == explored(MIXED, [failed(t.number, t.params) for t in known[:-1]])


def test_with_nothing_tried_nothing_is_told() -> None:
    none = explored(MIXED, [])
    assert list(none.dimensions) == NAMES and not any(none.dimensions.values()) and none.overall is None
    assert evenness(np.array([5]), np.array([1.0])) is None  # one value is all there is


def test_one_bin_tells_nothing() -> None:
    with pytest.raises(SearchError, match="bins: expected two at least, got 1"):
        explored(REAL, [], bins=1)


def test_it_needs_no_torch() -> None:
    program = "import sys, search.explored; print('torch' in sys.modules, 'scipy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]
