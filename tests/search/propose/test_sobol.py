"""The design: even, and one sequence for a study however it is cut."""

import numpy as np
import pytest
from scipy.stats import qmc

from search.propose import sobol
from tests.search.propose.worlds import KEPT, MIXED, REAL, finished

REFERENCE = np.ones(2)


def test_its_points_are_those_of_one_scrambled_sequence() -> None:
    drawn = qmc.Sobol(4, scramble=True, rng=np.random.default_rng(7)).random_base2(5)
    np.testing.assert_array_equal(sobol.cube(4, 32, seed=7), drawn)
    for skip in (1, 2, 13):
        np.testing.assert_array_equal(sobol.cube(4, 5, seed=7, skip=skip), drawn[skip : skip + 5])


@pytest.mark.parametrize("seed", range(3))
def test_it_covers_the_cube_more_evenly_than_chance(seed: int) -> None:
    chance = np.random.default_rng(seed).random((48, 4))
    assert qmc.discrepancy(sobol.cube(4, 48, seed=seed)) < 0.5 * qmc.discrepancy(chance)


def test_every_aligned_block_has_one_point_in_each_cell() -> None:
    for column in sobol.cube(6, 16, seed=3).T:
        assert sorted((column * 16).astype(int)) == list(range(16))


def test_options_and_depths_come_in_turn() -> None:
    drawn = sobol.propose(MIXED, [], 16, seed=0, reference=REFERENCE)
    assert [params["divergence"] for params in drawn].count("alpha") == 8
    assert sorted(params["depth"] for params in drawn) == [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4


def test_a_trial_of_any_kind_takes_its_place_in_the_sequence() -> None:
    whole = sobol.propose(REAL, [], 6, seed=1, reference=REFERENCE)
    trials = [finished(number, {"elsewhere": number}, (1.0, 1.0)) for number in range(4)]
    assert sobol.propose(REAL, trials, 2, seed=1, reference=REFERENCE) == whole[4:]


def test_under_constraints_its_feasible_points_stay_and_only_the_others_are_moved() -> None:
    free, kept = (sobol.propose(space, [], 64, seed=0, reference=REFERENCE) for space in (MIXED, KEPT))
    feasible = [KEPT.feasible(params) for params in free]
    assert {True, False} == set(feasible) and all(map(KEPT.feasible, kept))
    assert [a == b for a, b in zip(free, kept, strict=True)] == feasible
