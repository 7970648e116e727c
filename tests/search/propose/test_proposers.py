"""What every proposer promises; a new file in the folder is in this suite the moment it exists."""

import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from search import components
from search.errors import StudyError
from search.propose import distinct, observed, pending, points, propose
from search.space import Choice, Integer, LinearConstraint, Params, Space
from search.trial import Trial
from tests.search.propose.worlds import FINITE, KEPT, MIXED, REAL, SPACES, anything, finished, history

NAMES = components.names("proposer")
MODEL = {
    "cost_aware": {"start": 4, "draws": 16},
    "svh_psl": {"start": 4, "steps": 10, "particles": 2},
    "multiverse": {"start": 4, "marks": 32},
    "ehvi": {"start": 4, "draws": 16},
    "qlognehvi": {"start": 4, "draws": 8},
    "tpe": {"start": 4},
    "cem": {"population": 4},
    "moea": {"population": 4},
    "nsga2": {"population": 4},
    "nsga3": {"population": 4},
}  # soon past the design
every_proposer = pytest.mark.parametrize("name", NAMES)
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def ask(
    name: str, space: Space, trials: Sequence[Trial], q: int = 1, *, m: int = 2, seed: int = 0, repeats: bool = False
) -> list[Params]:
    """q params; ``repeats`` shows what the proposer itself says."""
    settings = MODEL.get(name, {})
    return propose(name, space, trials, q, seed=seed, reference=[2.0] * m, settings=settings, repeats=repeats)


def test_the_folder_has_the_proposers_that_studies_name() -> None:
    assert set(NAMES) >= {"random", "sobol", "tpe", "nsga2", "ehvi"}


@every_proposer
def test_settings_are_declared_with_defaults_in_their_range(name: str) -> None:
    for setting, declared in components.describe("proposer", name, where="here").space.items():
        assert declared["low"] <= declared["default"] <= declared["high"], setting


@every_proposer
@every_space
@pytest.mark.parametrize("n", [0, 3, 8])
def test_q_valid_new_points_come_back_whatever_happened_before(name: str, space: Space, n: int) -> None:
    trials = history(space, n, 2)
    asked = ask(name, space, trials, 3)
    assert len(asked) == 3
    for params in asked:
        assert space.validate(params, where=name) == params
    keys = [space.key(params) for params in [*(trial.params for trial in points(trials)), *asked]]
    assert len(set(keys[-3:])) == 3 and not set(keys[-3:]) & set(keys[:-3])


@every_proposer
@pytest.mark.parametrize("m, limits", [(1, 0), (3, 0), (2, 2), (1, 1)])
def test_any_number_of_objectives_and_constraints(name: str, m: int, limits: int) -> None:
    for params in ask(name, MIXED, history(MIXED, 12, m, limits=limits), 2, m=m):
        assert MIXED.validate(params, where=name) == params


@every_proposer
def test_the_same_trials_give_the_same_proposals_however_often_it_was_asked(name: str) -> None:
    trials = history(MIXED, 10, 2)
    first = ask(name, MIXED, trials, 2, repeats=True)
    ask(name, REAL, history(REAL, 9, 3), 2, m=3, seed=5)
    assert ask(name, MIXED, trials, 2, repeats=True) == first


@every_proposer
def test_another_seed_gives_other_proposals(name: str) -> None:
    trials = history(MIXED, 10, 2)
    assert ask(name, MIXED, trials, 2, seed=0, repeats=True) != ask(name, MIXED, trials, 2, seed=1, repeats=True)


@every_proposer
def test_global_random_numbers_are_neither_used_nor_moved(name: str) -> None:
    def states() -> list[object]:
        numpy = np.random.get_state(legacy=False)["state"]["key"].tobytes()
        return [random.getstate(), numpy, torch.get_rng_state().tolist()]

    trials = history(MIXED, 10, 2)
    before, first = states(), ask(name, MIXED, trials, 2)
    assert states() == before
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    assert ask(name, MIXED, trials, 2) == first


@every_proposer
def test_global_switches_stay_as_they_are(name: str) -> None:
    import optuna

    def switches() -> list[object]:
        return [torch.get_default_dtype(), torch.get_num_threads(), optuna.logging.get_verbosity()]

    before = switches()
    ask(name, MIXED, history(MIXED, 10, 2), 2)
    assert switches() == before


@every_proposer
def test_merged_models_are_no_points_of_the_space(name: str) -> None:
    trials, beside = history(MIXED, 10, 2), name in {"ehvi", "cost_aware", "auto"}  # what counts a gain on top of them
    merged = replace(trials[-1], number=11, params={"anything": 1}, losses=(99.0, 99.0) if beside else (-99.0, -99.0))
    assert ask(name, MIXED, [*trials[:-1], merged], 2) == ask(name, MIXED, trials[:-1], 2)
    ahead = replace(merged, losses=(-99.0, -99.0))
    assert (ask(name, MIXED, [*trials[:-1], ahead], 2) != ask(name, MIXED, trials[:-1], 2)) == beside


@every_proposer
def test_a_finite_space_gives_each_of_its_points_once_and_then_no_more(name: str) -> None:
    trials: list[Trial] = []
    problem = anything(FINITE, 2)
    for _ in range(4):
        for params in ask(name, FINITE, trials, 5):
            trials.append(finished(len(trials), params, problem(params)))
    assert len(trials) == len({FINITE.key(trial.params) for trial in trials}) == FINITE.size() == 12


@every_proposer
def test_constraints_are_kept_and_their_points_are_used_up_as_well(name: str) -> None:
    numbers = tuple(Integer(name=letter, low=1, high=5) for letter in "abc")
    total = (("a", 1.0), ("b", 1.0), ("c", 1.0))
    space = Space(numbers, (LinearConstraint("a + b + c <= 5", total, 5.0),))
    trials: list[Trial] = []
    problem = anything(space, 2)
    for _ in range(4):
        for params in ask(name, space, trials, 3):
            trials.append(finished(len(trials), params, problem(params)))
    assert all(sum(trial.params.values()) <= 5 for trial in trials)
    assert len(trials) == len({space.key(trial.params) for trial in trials}) == 10  # of 125


@every_proposer
def test_what_a_proposer_says_itself_keeps_constraints_too(name: str) -> None:
    for params in ask(name, KEPT, history(KEPT, 12, 2), 4, repeats=True):
        assert KEPT.validate(params, where=name) == params


@every_proposer
def test_a_space_of_one_point_gives_it(name: str) -> None:
    space = Space((Choice(name="optimizer", options=("sgd",)),))
    assert ask(name, space, [], 3) == [{"optimizer": "sgd"}]
    trials = [finished(0, {"optimizer": "sgd"}, (1.0, 1.0))]
    assert ask(name, space, trials, 3) == []
    assert ask(name, space, trials, 2, repeats=True) == [{"optimizer": "sgd"}] * 2


@every_proposer
def test_a_study_in_which_everything_fails_is_still_proposed_for(name: str) -> None:
    failed = [trial for trial in history(MIXED, 60, 2) if trial.state == "failed"]
    assert len(failed) == 7 and len(ask(name, MIXED, failed, 2)) == 2


@every_proposer
def test_equal_losses_are_no_hindrance(name: str) -> None:
    rng = np.random.default_rng(0)
    trials = [finished(number, MIXED.sample(rng), (1.0, 1.0)) for number in range(9)]
    assert len(ask(name, MIXED, trials, 2)) == 2


@every_proposer
def test_huge_losses_are_no_hindrance(name: str) -> None:
    rng = np.random.default_rng(0)
    trials = [finished(number, MIXED.sample(rng), (10.0**number, 1e30 / 10.0**number)) for number in range(12)]
    assert len(ask(name, MIXED, trials, 2)) == 2


@every_proposer
def test_given_points_come_first_and_once_each(name: str) -> None:
    rng = np.random.default_rng(4)
    start = [MIXED.sample(rng) for _ in range(4)]
    trials = history(MIXED, 8, 2)
    trials[3] = replace(trials[3], params=start[1])  # tried already

    def begun(several: list[Trial], q: int) -> list[Params]:
        settings = MODEL.get(name, {})
        return propose(name, MIXED, several, q, seed=0, reference=[2.0] * 2, settings=settings, start=start)

    assert begun(trials, 1) == [start[0]]
    assert begun(trials, 3) == [start[0], start[2], start[3]]
    assert begun(trials, 5)[:3] == [start[0], start[2], start[3]]
    assert len({MIXED.key(params) for params in [*begun(trials, 5), *(trial.params for trial in points(trials))]}) == 13
    done = trials
    for params in begun(trials, 3):
        done = [*done, finished(len(done), params, (1.0, 1.0))]
    assert begun(done, 2) == ask(name, MIXED, done, 2)


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_given_points_take_the_places_of_those_that_would_have_come(name: str) -> None:
    start = [MIXED.sample(np.random.default_rng(5)) for _ in range(3)]
    begun = propose(name, MIXED, [], 8, seed=0, reference=[2.0] * 2, start=start)
    assert begun == [*start, *ask(name, MIXED, [], 8)[3:]]


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_points_do_not_depend_on_how_they_come_in_batches(name: str) -> None:
    def sequence(*batches: int) -> list[Params]:
        trials: list[Trial] = []
        for q in batches:
            trials += [finished(len(trials) + i, p, (0.0, 0.0)) for i, p in enumerate(ask(name, MIXED, trials, q))]
        return [trial.params for trial in trials]

    assert sequence(12) == sequence(1, 4, 2, 5) == sequence(*[1] * 12)


PROGRAM = """
import sys
from search.propose import propose
from tests.search.propose.test_proposers import MODEL, NAMES
from tests.search.propose.worlds import MIXED, history
for name in NAMES:
    print(name, propose(name, MIXED, history(MIXED, 10, 2), 2, seed=0, reference=[2.0, 2.0], settings=MODEL.get(name)))
"""


def test_a_fresh_process_gives_the_same_proposals_to_the_last_bit() -> None:
    trials = history(MIXED, 10, 2)
    mine = [f"{name} {ask(name, MIXED, trials, 2)}" for name in NAMES]
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == mine


def test_repeats_are_replaced_by_neighbours() -> None:
    rng = np.random.default_rng(0)
    trials = [finished(0, MIXED.sample(rng), (1.0, 1.0))]
    found = distinct(MIXED, [trials[0].params] * 3, trials, 3, rng)
    assert len({MIXED.key(params) for params in [trials[0].params, *found]}) == 4
    for params in found:
        changed = {name for name in trials[0].params if params.get(name) != trials[0].params[name]}
        assert len(changed) < 6


def test_repeats_are_allowed_where_they_are_asked_for() -> None:
    everything = history(FINITE, 200, 2)
    assert ask("random", FINITE, everything, 3) == []
    assert len(ask("random", FINITE, everything, 3, repeats=True)) == 3


def test_trials_are_sorted_by_what_they_tell() -> None:
    trials = history(MIXED, 16, 2)
    assert [trial.number for trial in points(trials)] == list(range(16))
    assert [trial.number for trial in pending(trials)] == [7, 15]
    assert {trial.state for trial in observed(trials)} == {"finished"} and len(observed(trials)) == 10


def test_an_unknown_proposer_is_named_with_its_nearest() -> None:
    with pytest.raises(StudyError, match=r"proposer: expected one of .*, got 'sobel'\. Did you mean 'sobol'\?"):
        propose("sobel", REAL, [], 1, seed=0, reference=[1.0])
