"""NSGA-II through Optuna: the generations are read off the trials, and they evolve."""

from statistics import median

import numpy as np
import optuna
import pytest

from search.propose import nsga2
from tests.search.propose.worlds import MIXED, REAL, history, search, volume, zdt1

REFERENCE = (1.1, 6.0)


def test_generations_are_read_off_the_order_of_the_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[optuna.Study] = []
    create = optuna.create_study
    monkeypatch.setattr(optuna, "create_study", lambda **known: made.append(create(**known)) or made[-1])
    nsga2.propose(MIXED, history(MIXED, 16, 2), 2, seed=0, reference=np.ones(2), population=4)
    key = optuna.samplers.NSGAIISampler._get_generation_key()
    generations = [trial.system_attrs.get(key) for trial in made[0].get_trials()]
    assert generations == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, None, None, None, 2, 2]  # complete, diverged, running, asked


def test_children_are_made_of_their_parents() -> None:
    trials = [trial for trial in history(REAL, 40, 2) if trial.complete and not trial.parents][:20]
    genes = {name: {trial.params[name] for trial in trials} for name in trials[0].params}
    children = nsga2.propose(REAL, trials, 20, seed=0, reference=np.ones(2), population=20)
    inherited = [child[name] in genes[name] for child in children for name in genes]
    assert 0.6 < np.mean(inherited) < 0.9  # one gene in four mutates


def test_it_evolves_past_chance() -> None:
    def reached(name: str, **settings: int) -> float:
        runs = [search(name, REAL, zdt1, 80, seed=seed, reference=REFERENCE, q=4, **settings) for seed in range(5)]
        return median(volume(trials, REFERENCE) for trials in runs)

    assert reached("nsga2", population=10) > reached("random") + 0.5  # of 6.3
