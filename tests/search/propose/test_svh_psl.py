"""Pareto-set learning: the scalarisation, the Stein step, and that the learned set is the set."""

from statistics import median

import numpy as np
import pytest
import torch

from search.propose import svh_psl
from search.propose._belief import believe
from search.space import Params
from search.trial import Trial
from tests.search.propose.worlds import MIXED, REAL, finished, mixture, search, volume, zdt1


def trials_of(space, problem, n: int) -> list[Trial]:
    rng = np.random.default_rng(0)
    return [finished(i, params := space.sample(rng), problem(params)) for i in range(n)]


def learned(space, problem, reference, *, particles: int = 3, steps: int = 300):
    belief = believe(space, trials_of(space, problem, 40), 1, seed=0, reference=np.array(reference), start=6)
    return belief, svh_psl.learn(belief, torch.Generator().manual_seed(0), steps=steps, particles=particles)


def test_the_scalarisation_is_its_formula() -> None:
    values, wanted = torch.tensor([[[1.0, 2.0], [3.0, 0.5]]]), torch.tensor([[0.5, 0.25]])
    torch.testing.assert_close(svh_psl.tchebycheff(values, wanted), torch.tensor([[8.0 + 0.1, 6.0 + 0.08]]))


def test_one_particle_goes_down_its_slope() -> None:
    at, slope = torch.rand(4, 1, 3).double(), torch.rand(4, 1, 3).double()
    torch.testing.assert_close(svh_psl.stein(at, slope), -slope)


def test_particles_that_meet_are_driven_apart_and_the_slope_is_shared() -> None:
    at = torch.tensor([[[0.4, 0.5], [0.6, 0.5]]], dtype=torch.float64)
    apart = svh_psl.stein(at, torch.zeros_like(at))
    assert apart[0, 0, 0] < 0.0 < apart[0, 1, 0] and apart[0, :, 1].abs().max() == 0.0
    slope = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]], dtype=torch.float64)
    moved = svh_psl.stein(at, slope)
    assert moved[0, 0, 1] < moved[0, 1, 1] < 0.0


@pytest.mark.parametrize("space, problem", [(REAL, zdt1), (MIXED, mixture)])
def test_every_output_is_a_point_of_the_space(space, problem) -> None:
    belief, network = learned(space, problem, (2.0, 6.0), steps=5)
    with torch.no_grad():
        at = network(svh_psl._preferences(20, 2, torch.Generator().manual_seed(1)))
    assert at.shape[:2] == (20, 3) and (at >= 0).all() and (at <= 1).all()
    for params in svh_psl._params(belief, at.flatten(0, 1)):
        assert space.validate(params, where="here") == params


def test_a_preference_leads_along_the_front() -> None:
    """On zdt1 the set is x1 = x2 = x3 = 0, and x0 is what one prefers."""
    _, network = learned(REAL, zdt1, (1.1, 6.0))
    with torch.no_grad():
        share = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
        at = network(torch.stack([share, 1.0 - share], dim=1)).mean(dim=1)
    # where the second loss counts at least as much; .10 to .14 by steps, as particles stay apart, .5 without learning
    assert at[4:, 1:].mean() < 0.15
    assert at[-1, 0] - at[0, 0] > 0.3  # little of a loss is forgiven where its weight is small


def test_losses_that_are_one_loss_have_a_set_of_one_point() -> None:
    def same(params: Params) -> tuple[float, float]:
        distance = sum((value - 0.4) ** 2 for value in params.values())
        return distance, distance

    _, network = learned(REAL, same, (1.0, 1.0), particles=1)
    with torch.no_grad():
        at = network(svh_psl._preferences(50, 2, torch.Generator().manual_seed(1)))[:, 0]
    assert at.std(dim=0).max() < 0.1 and (at.mean(dim=0) - 0.4).abs().max() < 0.1


@pytest.mark.slow
def test_a_short_search_reaches_more_than_as_many_blind_trials() -> None:
    def reached(name: str) -> float:
        runs = [search(name, REAL, zdt1, 24, seed=seed, reference=(1.1, 6.0), q=4) for seed in range(3)]
        return median(volume(trials, (1.1, 6.0)) for trials in runs)

    assert reached("svh_psl") > reached("sobol") + 0.1
