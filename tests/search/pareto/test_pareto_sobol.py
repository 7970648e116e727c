import numpy as np
import pytest
import torch

from search.errors import SearchError
from search.pareto.sobol import BITS, sobol


@pytest.mark.parametrize("d", [1, 2, 7, 32])
def test_without_a_shift_it_is_the_sequence_of_torch(d):
    found = sobol(300, d, seed=None) - 0.5 / 2**BITS
    expected = torch.quasirandom.SobolEngine(d).draw(300, dtype=torch.float64).numpy()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("seed", range(4))
def test_shifted_points_still_fall_one_into_each_cell_of_every_axis(seed):
    found = sobol(64, 32, seed=seed)
    assert ((found > 0) & (found < 1)).all()
    cells = np.sort(np.floor(found * 64).astype(int), axis=0)
    np.testing.assert_array_equal(cells, np.arange(64)[:, None].repeat(32, axis=1), err_msg=f"{seed=}")


def test_a_seed_repeats_and_another_one_differs():
    np.testing.assert_array_equal(sobol(9, 3, seed=5), sobol(9, 3, seed=5))
    assert (sobol(9, 3, seed=5) != sobol(9, 3, seed=6)).all()


def test_a_longer_sequence_starts_with_the_shorter_one():
    np.testing.assert_array_equal(sobol(100, 4, seed=1)[:37], sobol(37, 4, seed=1))


def test_no_points_and_no_dimensions_have_their_shapes():
    assert sobol(0, 3, seed=0).shape == (0, 3)
    assert sobol(5, 0, seed=0).shape == (5, 0)


def test_more_dimensions_than_the_table_are_refused():
    with pytest.raises(SearchError, match=r"dimensions: expected at most 32 for Sobol points, got 33"):
        sobol(4, 33, seed=0)
