"""`auto` takes the best proposer that the trials leave time for, says why, and is no more than that one."""

from dataclasses import replace
from math import inf
from time import process_time

import numpy as np
import pytest

from search.grammar.interest import Interest
from search.propose import _belief, auto, observed, propose
from search.propose.auto import seconds, take
from search.space import Float, Space
from search.trial import Trial
from tests.search.propose.worlds import MIXED, REAL, history, mixture, search

WIDE = Space(tuple(Float(name=f"x{index}", low=0.0, high=1.0) for index in range(40)))


def timed(each: float, n: int = 24, m: int = 2) -> list[Trial]:
    return [replace(trial, seconds=each) if trial.complete else trial for trial in history(REAL, n, m)]


def name(each: float, *, space: Space = REAL, n: int = 24, q: int = 1, m: int = 2, share: float = 0.1) -> str:
    return take(space, timed(each, n), q, m, share=share).name


def test_long_trials_have_the_model_shorter_ones_what_fits_and_the_shortest_the_cheapest() -> None:
    assert [name(each) for each in (60.0, 0.5, 0.1, 1e-4)] == ["ehvi", "tpe", "tpe", "nsga2"]


def test_columns_objectives_trials_batch_and_share_each_count() -> None:
    assert name(2.5) == "ehvi"
    assert name(2.5, space=WIDE) == name(2.5, n=400) == name(2.5, share=0.05) == "tpe"
    assert take(WIDE, timed(7.0), 1, 2).name == "ehvi" and take(WIDE, timed(7.0), 1, 8).name == "tpe"
    assert name(0.5, q=16) == "ehvi"  # a batch costs less than its points one by one


def test_until_a_trial_is_timed_and_where_only_a_model_listens_it_is_ehvi() -> None:
    assert take(REAL, [], 4, 2).name == take(REAL, timed(0.0), 4, 2).name == "ehvi"
    assert take(REAL, timed(1e-4), 1, 2, earlier=[observed(timed(1.0))]).name == "ehvi"


def test_it_knows_how_many_trials_the_model_looks_at() -> None:
    assert auto.MODELLED == _belief.MOST


def test_it_says_why_in_one_line() -> None:
    said = take(REAL, timed(0.5), 1, 2).why
    assert said.startswith("4 columns, 2 objectives, 1 at once, 0.5 s a trial and about ")
    assert said.endswith(f"where ehvi takes {seconds('ehvi', 24, 4, 2, 1):.2g} s") and "\n" not in said
    assert "no trial timed yet" in take(REAL, [], 1, 1).why and "1 objective," in take(REAL, [], 1, 1).why


@pytest.mark.parametrize("each, taken", [(60.0, "ehvi"), (0.1, "tpe"), (1e-5, "nsga2")])
def test_it_proposes_what_the_one_taken_proposes(each: float, taken: str) -> None:
    known = {"seed": 3, "reference": [2.0, 2.0]}
    trials = timed(each)
    assert propose("auto", REAL, trials, 2, **known) == propose(taken, REAL, trials, 2, **known)


def test_what_is_wanted_and_what_is_known_are_handed_on() -> None:
    known = {"seed": 3, "reference": [2.0, 2.0], "earlier": [observed(timed(1.0, 12))]}
    known["interest"] = Interest(limits=(0.5, np.inf), weights=(1.0, 1.0))
    assert propose("auto", REAL, timed(1e-5), 2, **known) == propose("ehvi", REAL, timed(1e-5), 2, **known)


def spent(proposer: str, trials: list[Trial], q: int = 4) -> float:
    """Seconds that q proposals take: the least of five, for a busy machine only adds."""
    cost = inf
    for _ in range(5):
        began = process_time()
        propose(proposer, MIXED, trials, q, seed=0, reference=[2.0, 2.0])
        cost = min(cost, process_time() - began)
    return cost


@pytest.mark.slow  # a search
@pytest.mark.parametrize("each, taken", [(0.05, "nsga2"), (0.1, "tpe"), (0.5, "tpe"), (4.0, "ehvi")])
def test_proposals_stay_within_their_share_of_the_training(each: float, taken: str) -> None:
    done = search("sobol", MIXED, mixture, 30, seed=0, reference=[2, 2])
    trials = [replace(trial, seconds=each) for trial in done]
    assert take(MIXED, trials, 4, 2).name == taken
    # the estimates are of one machine: this one is as much slower as the cheapest proposer is
    slower = max(1.0, spent("nsga2", trials) / seconds("nsga2", 30, MIXED.width, 2, 4))
    assert spent("auto", trials) < 0.1 * 4 * each * slower
