"""Steady-state evolution: who survives, who is a parent, and that it finds more than NSGA-II."""

from itertools import combinations
from statistics import median

import numpy as np
import pytest

from search.pareto.hypervolume import hypervolume
from search.propose import moea, sobol
from search.space import Space
from search.trial import Trial
from tests.search.propose.worlds import MIXED, REAL, Problem, finished, history, mixture, search, volume, zdt1

NONE = np.zeros((50, 0))


def test_the_first_are_a_sobol_sequence_until_the_population_is_full() -> None:
    trials = history(MIXED, 16, 2)  # 10 of them are complete
    design = sobol.propose(MIXED, trials, 3, seed=4, reference=np.ones(2))
    assert moea.propose(MIXED, trials, 3, seed=4, reference=np.ones(2), population=11) == design
    assert moea.propose(MIXED, trials, 3, seed=4, reference=np.ones(2), population=10) != design


@pytest.mark.parametrize("seed", range(5))
def test_of_one_front_the_one_that_leaves_costs_least_volume(seed: int) -> None:
    angle = np.random.default_rng(seed).uniform(0.0, np.pi / 2, 8)
    front = 1.0 - np.column_stack([np.cos(angle), np.sin(angle)])
    kept = moea.ranked(front, NONE[:8], np.full(2, 1.5), 7)
    best = max(combinations(range(8), 7), key=lambda rows: hypervolume(front[list(rows)], [1.5, 1.5]))
    assert sorted(kept) == list(best)


@pytest.mark.parametrize("seed", range(5))
def test_the_volume_of_the_population_never_falls_in_two_objectives(seed: int) -> None:
    points = np.random.default_rng(seed).random((40, 2))
    volumes = [hypervolume(points[moea.ranked(points[:n], NONE[:n], np.ones(2), 5)], [1, 1]) for n in range(5, 41)]
    assert np.all(np.diff(volumes) >= -1e-12) and volumes[-1] > volumes[0]


def test_worse_ranks_leave_before_better_ones_and_violations_before_ranks() -> None:
    losses = np.array([[0.0, 0.0], [3.0, 3.0], [2.0, 2.0], [1.0, 1.0], [2.5, 0.5]])
    assert moea.ranked(losses, NONE[:5], np.full(2, 4.0), 3) == [0, 3, 4]
    broken = np.array([[2.0], [0.0], [-1.0], [0.0], [1.0]])
    assert moea.ranked(losses, broken, np.full(2, 4.0), 3) == [3, 2, 1]
    assert moea.ranked(losses[[0, 4]], broken[[0, 4]], np.full(2, 4.0), 1) == [1]


def test_beyond_the_reference_the_farthest_leaves_first() -> None:
    losses = np.array([[0.0, 9.0], [0.5, 5.0], [1.5, 0.2], [6.0, 0.0]])  # the first by 7, the last by 4
    assert set(moea.ranked(losses, NONE[:4], np.full(2, 2.0), 3)) == {1, 2, 3}
    assert set(moea.ranked(losses, NONE[:4], np.full(2, 2.0), 2)) == {1, 2}
    assert set(moea.ranked(losses, NONE[:4], np.full(2, 0.1), 2)) == {1, 2}  # nobody is within


def test_children_are_of_the_best_more_than_of_the_worst() -> None:
    """Without crossover a child is a mutant of one parent, and shares what did not move."""
    trials = []
    for number in range(20):
        params = dict.fromkeys(("x0", "x1", "x2", "x3"), 0.025 + number / 20)
        trials.append(finished(number, params, (float(number), float(number))))
    children = moea.propose(REAL, trials, 400, seed=0, reference=np.full(2, 99.0), crossover=0.0)
    parents = [round(20 * median(child.values()) - 0.5) for child in children]  # at most two of four move, mostly
    assert np.mean(np.array(parents) < 10) == pytest.approx(7 / 8, abs=0.06)  # the best of three


def test_what_a_child_is_depends_on_the_trials_that_survive_only() -> None:
    trials = [trial for trial in history(REAL, 60, 2) if trial.complete and not trial.parents]
    losses = np.array([trial.losses for trial in trials])
    rows = moea.ranked(losses, NONE[: len(losses)], np.full(2, 2.0), 10)
    gone = next(row for row in range(len(losses)) if row not in rows)
    ask = lambda several: moea.propose(REAL, several, 3, seed=0, reference=np.full(2, 2.0), population=10)  # noqa: E731
    other = finished(gone, REAL.sample(np.random.default_rng(9)), trials[gone].losses)
    assert ask(trials) == ask([*trials[:gone], other, *trials[gone + 1 :]])
    kept = finished(rows[0], other.params, trials[rows[0]].losses)
    assert ask(trials) != ask([*trials[: rows[0]], kept, *trials[rows[0] + 1 :]])


@pytest.mark.parametrize(
    ("space", "problem", "reference"), [(REAL, zdt1, (1.1, 6.0)), (MIXED, mixture, (2.0, 2.0))], ids=["zdt1", "mixture"]
)
def test_it_finds_no_less_than_nsga2(space: Space, problem: Problem, reference: tuple[float, float]) -> None:
    """Medians of 120 trials, four at once, both with a population of 20."""

    def reached(name: str) -> float:
        runs = [search(name, space, problem, 120, seed=seed, reference=reference, q=4) for seed in range(7)]
        return median(volume(trials, reference) for trials in runs)

    assert reached("moea") >= reached("nsga2")


def test_infeasible_points_are_left() -> None:
    """Both losses are better where the limit is broken."""
    trials: list[Trial] = []
    for number in range(80):
        (params,) = moea.propose(REAL, trials, 1, seed=0, reference=np.full(2, 2.0), population=20)
        losses = params["x0"] + params["x2"], 1.0 - params["x0"] + params["x2"]
        trials.append(finished(number, params, losses, (0.5 - params["x2"],)))
    assert np.mean([trial.params["x2"] > 0.5 for trial in trials[40:]]) > 0.7
