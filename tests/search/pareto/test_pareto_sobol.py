"""Sobol points come in one sequence, however they are asked for, and fill the cube evenly."""

import numpy as np
import pytest

from search.pareto.sobol import sobol


@pytest.mark.parametrize("d", [1, 2, 7, 40])
def test_batches_of_any_size_continue_one_sequence(d: int) -> None:
    whole = sobol(23, d, seed=4)
    parts = [sobol(n, d, seed=4, skip=skip) for skip, n in ((0, 1), (1, 5), (6, 0), (6, 17))]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_every_elementary_interval_holds_its_share() -> None:
    points = sobol(64, 3, seed=1)
    for column in points.T:
        assert (np.bincount((column * 64).astype(int), minlength=64) == 1).all()


def test_another_seed_gives_other_points() -> None:
    assert not np.array_equal(sobol(8, 2, seed=1), sobol(8, 2, seed=2))
