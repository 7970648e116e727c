import pytest
import torch

from trainers.data.noise import noisy


def test_noise_is_normal_of_the_deviation_asked_for_and_stays_in_the_range_of_pixels():
    grey = torch.full((400, 64), 0.5)
    moved = noisy(grey, 0.1, seed=3) - grey
    assert moved.std().item() == pytest.approx(0.1, rel=0.02) and abs(moved.mean()) < 0.002
    loud = noisy(grey, 2.0, seed=3)
    assert loud.amin() == 0 and loud.amax() == 1


def test_a_seed_is_one_picture_for_ever_and_leaves_its_original():
    grey = torch.full((4, 64), 0.5)
    torch.manual_seed(1)
    first = noisy(grey, 0.3, seed=1)
    torch.manual_seed(2)
    assert noisy(grey, 0.3, seed=1).equal(first)
    assert not noisy(grey, 0.3, seed=2).equal(first)
    assert grey.eq(0.5).all()
