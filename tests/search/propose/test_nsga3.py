"""NSGA-III through Optuna: generations are read off the trials, directions fit the population, and it evolves."""

from math import comb
from statistics import median

import numpy as np
import optuna
import pytest

from search.pareto.indicators import divisions
from search.propose import nsga3
from search.space import Params
from tests.search.propose.worlds import MIXED, REAL, history, search, volume


def test_generations_are_read_off_the_order_of_the_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[optuna.Study] = []
    create = optuna.create_study
    monkeypatch.setattr(optuna, "create_study", lambda **known: made.append(create(**known)) or made[-1])
    nsga3.propose(MIXED, history(MIXED, 16, 3), 2, seed=0, reference=np.ones(3), population=4)
    key = optuna.samplers.NSGAIIISampler._get_generation_key()
    generations = [trial.system_attrs.get(key) for trial in made[0].get_trials()]
    assert generations == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, None, None, None, 2, 2]  # complete, diverged, running, asked


@pytest.mark.parametrize("m", [2, 3, 5, 10])
@pytest.mark.parametrize("population", [2, 4, 20, 100])
def test_there_are_as_many_directions_as_the_population_can_fill(population: int, m: int) -> None:
    parts = divisions(m, population)
    assert comb(parts + m - 1, m - 1) <= population or parts == 1
    assert comb(parts + m, m - 1) > population


def test_infeasible_points_are_no_parents() -> None:
    trials = [trial for trial in history(REAL, 60, 2, limits=1) if trial.complete and not trial.parents][:40]
    kept = [trial for trial in trials if trial.violations[0] <= 0.0]
    assert 10 <= len(kept) < 30
    genes = {name: {trial.params[name] for trial in kept} for name in REAL.columns}
    children = nsga3.propose(REAL, trials, 40, seed=0, reference=np.ones(2), population=10)
    inherited = [child[name] in genes[name] for child in children for name in genes]
    assert np.mean(inherited) > 0.6  # one gene in four mutates


def test_it_evolves_past_chance_in_four_objectives() -> None:
    def corner(params: Params) -> tuple[float, ...]:
        """One objective an axis, all worse by how far the mean is from 1 / 4."""
        x = np.array(list(params.values()))
        return tuple(1.0 - x + 4.0 * abs(x.mean() - 0.25))

    def reached(name: str, **settings: int) -> float:
        runs = [search(name, REAL, corner, 120, seed=seed, reference=[1.2] * 4, q=4, **settings) for seed in range(5)]
        return median(volume(trials, [1.2] * 4) for trials in runs)

    assert reached("nsga3", population=20) > 1.3 * reached("random")
