"""Exploration: it takes away variance, wherever that is, and finds what each choice does."""

from dataclasses import replace

import numpy as np
import torch

from search.propose import multiverse, sobol
from search.propose._features import Layout
from search.propose._fit import fit
from search.space import Params
from search.trial import Trial
from tests.search.propose.worlds import REAL, finished


def model(n: int = 12):
    rng, layout = np.random.default_rng(0), Layout(REAL)
    at = layout([REAL.sample(rng) | {"x0": 0.4 * rng.random()} for _ in range(n)])
    values = torch.stack([torch.sin(5.0 * at[:, 0]) + at[:, 1], at[:, 2] ** 2], dim=1)
    return layout, at, fit(layout.blocks, at, values)


MARKS = torch.from_numpy(sobol.cube(4, 128, seed=1))


def test_the_reduction_is_what_the_variance_loses_once_the_point_is_seen() -> None:
    _, _, process = model()
    news = torch.from_numpy(sobol.cube(4, 5, seed=2))
    found = multiverse.reduction(process, news, MARKS)
    for row in range(5):
        after = process.after(news[row : row + 1])
        before, now = process.joint(MARKS, MARKS)[1], after.joint(MARKS, MARKS)[1]
        lost = ((before - now) / process.hyper.scale[:, None]).mean(dim=1)
        torch.testing.assert_close(found[row], (process.weights * lost).sum(), rtol=1e-4, atol=1e-8)


def test_with_the_kernels_given_the_values_say_nothing() -> None:
    _, _, process = model()
    other = replace(process, values=process.values.flip(1), given=process.weights)
    torch.testing.assert_close(multiverse.reduction(other, MARKS, MARKS), multiverse.reduction(process, MARKS, MARKS))


def test_it_goes_where_nobody_was_and_the_variance_falls() -> None:
    rng = np.random.default_rng(0)

    def smooth(params: Params) -> tuple[float, float]:
        return float(np.sin(5.0 * params["x0"]) + params["x1"]), params["x2"] ** 2

    trials: list[Trial] = []
    for number in range(14):
        params = REAL.sample(rng) | {"x0": 0.4 * rng.random()}
        trials.append(finished(number, params, smooth(params)))
    asked = multiverse.propose(REAL, trials, 3, seed=0, reference=np.array([9.0, 9.0]))
    assert any(params["x0"] > 0.6 for params in asked)
    _, _, process = model()
    layout = Layout(REAL)
    spreads = []
    for params in asked:
        spreads.append(float(process.joint(MARKS, MARKS)[1].mean()))
        process = process.after(layout([params]))
    assert (np.diff(spreads) < 1e-9).all()


def test_it_recovers_what_a_choice_does() -> None:
    """Fewer than 20 trials tell the sign and the size of an effect that adds up."""

    def effect(params: Params) -> tuple[float, float]:
        return 0.3 * params["x1"] - 0.2 * params["x2"] + np.sin(4.0 * params["x0"]), params["x3"]

    trials: list[Trial] = []
    while len(trials) < 18:
        for params in multiverse.propose(REAL, trials, 2, seed=3, reference=np.array([9.0, 9.0])):
            trials.append(finished(len(trials), params, effect(params)))
    layout = Layout(REAL)
    at = layout([trial.params for trial in trials])
    process = fit(layout.blocks, at, torch.tensor([trial.losses for trial in trials], dtype=torch.float64))
    low, high = MARKS.clone(), MARKS.clone()
    low[:, 1], high[:, 1] = 0.0, 1.0
    found = (process.mean_at(high) - process.mean_at(low))[:, 0].mean()
    assert abs(float(found) - 0.3) < 0.05
