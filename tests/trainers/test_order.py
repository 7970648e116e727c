import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.order import _mix, order


def test_the_hash_is_splitmix64():
    # the first two outputs of the published generator from state 0
    assert int(_mix(np.uint64(0))) == 0xE220A8397B1DCDAF
    assert int(_mix(np.uint64(0x9E3779B97F4A7C15))) == 0x6E789E6AA1B965F4


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**70), n=st.integers(1, 70), batch=st.integers(1, 80), epoch=st.integers(0, 5))
def test_an_epoch_never_repeats_an_example(seed, n, batch, epoch):
    length = n // min(batch, n)
    seen = order(seed, epoch * length, length, n=n, batch=batch)
    assert seen.shape == (length, min(batch, n))
    assert len(set(seen.ravel())) == seen.size and set(seen.ravel()) <= set(range(n))


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**64 - 1), age=st.integers(0, 40), steps=st.integers(1, 40))
def test_the_examples_of_a_step_depend_on_its_age_not_on_where_the_walk_began(seed, age, steps):
    whole = order(seed, 0, 80, n=50, batch=7)
    np.testing.assert_array_equal(order(seed, age, steps, n=50, batch=7), whole[age : age + steps])


def test_seeds_and_epochs_differ():
    epochs = order(1, 0, 8, n=64, batch=16).reshape(2, 64)
    assert (epochs[0] != epochs[1]).mean() > 0.9
    assert (order(2, 0, 4, n=64, batch=16).ravel() != epochs[0]).mean() > 0.9


@pytest.mark.parametrize("place", [0, 31, 63])
def test_every_example_comes_in_every_place_about_equally_often(place):
    found = [order(seed, 0, 1, n=64, batch=64)[0, place] for seed in range(64 * 40)]
    counts = np.bincount(found, minlength=64)
    # chi-square with 63 degrees of freedom: above 125 with a chance of 5e-6
    assert ((counts - 40) ** 2 / 40).sum() < 125
