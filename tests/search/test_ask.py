"""Studies without a file: how they are defined, what limits they have, and what comes of a trial."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search import api, ask, propose, study
from search.errors import StudyError
from search.space import Float, Space
from search.store import Store
from search.trial import Failure, Trial
from tests.search.studies import ANALYTIC

RATE = {"rate": {"low": 0.0, "high": 1.0}}
RANDOM: dict[str, Any] = {"proposer": {"name": "random"}, "more": {}}


def trial(number: int = 0) -> Trial:
    return Trial(number=number, params={"rate": 0.1 * number}, seed=0, step=4)


def test_a_study_and_what_is_asked_without_a_file_have_one_grammar() -> None:
    made = ask.define(
        RATE,
        {"error": {"limit": 1, "unit": "fraction"}, "size": {"direction": "max", "limit": 0.0}},
        proposer={"name": "ehvi", "start": 5},
        more={"constraints": {"memory": {"max": 2.0}}, "seed": 3},
    )
    assert made.reference == (1.0, -0.0) and made.table.seed == 3
    assert made.proposer_settings == {"start": 5, "draws": 64}
    assert made.violations({"memory": 2.5}) == (0.5,)
    assert [(each.name, each.unit) for each in made.objectives] == [("error", "fraction"), ("size", "")]


@pytest.mark.parametrize("names", ["error", ["error"], {"error": {}}, {"error": {"limit": None}}])
def test_objectives_may_be_names_alone(names: object) -> None:
    made = ask.define(RATE, names, **RANDOM)  # type: ignore[arg-type]
    (aim,) = made.objectives
    assert (aim.name, aim.direction) == ("error", "min") and math.isnan(aim.limit)


def test_a_space_serves_as_it_is() -> None:
    space = Space((Float(name="id", low=0.0, high=1.0),))
    assert ask.define(space, ["error"], **RANDOM).space is space


@pytest.mark.parametrize(
    ("space", "objectives", "tables", "message"),
    [
        ({}, ["error"], {}, r"study \[space\]: expected a table with one entry at least, got {}"),
        ({"rate": {"low": 0.0}}, ["error"], {}, r"\[space\] rate: expected high, since a range needs low and high"),
        ([0.0, 1.0], ["error"], {}, r"study \[space\]: expected a table, got \[0\.0, 1\.0\]"),
        (RATE, None, {}, r"study \[objectives\]: expected a table\."),
        (RATE, [3], {}, r"study \[objectives\]: expected a table, got \[3\]"),
        (RATE, [], {}, r"study \[objectives\]: expected a table with one entry at least"),
        (RATE, ["rate"], {}, r"\[objectives\] rate: expected a name that is no dimension"),
        (RATE, {"error": 1.0}, {}, r"\[objectives\] error: expected a table, got 1\.0"),
        (RATE, {"error": {"limit": "low"}}, {}, r"\[objectives\.error\] limit: expected a number, got 'low'"),
        (RATE, {"error": {"direction": "up"}}, {}, r"\[objectives\.error\] direction: expected .*'min' or 'max'"),
        (RATE, {"error": {"limt": 1.0}}, {}, r"\[objectives\.error\] limt: .* Did you mean 'limit'\?"),
        (
            RATE,
            ["error"],
            {"more": {"constraints": {"size": {}}}},
            r"\[constraints\.size\]: expected either min or max",
        ),
        (
            RATE,
            ["error"],
            {"more": {"constraints": {"error": {"max": 1.0}}}},
            r"error: expected a name that is no objective's",
        ),
        (RATE, ["error"], {"proposer": {"name": "ehvy"}}, r"\[proposer\] name: .* Did you mean 'ehvi'\?"),
        (RATE, ["error"], {"proposer": {"name": "ehvi", "star": 5}}, r"\[proposer\] star: .* Did you mean 'start'\?"),
        (RATE, ["error"], {"more": {"seed": -1}}, r"study seed: expected greater than or equal to 0, got -1"),
    ],
)
def test_a_mistake_is_said_before_anything_is_asked(
    space: dict, objectives: object, tables: dict, message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        ask.define(space, objectives, **{"proposer": RANDOM["proposer"], "more": {}, **tables})  # type: ignore[arg-type]


def test_limits_that_nobody_stated_follow_the_trials_in_the_units_of_the_user() -> None:
    made = ask.define(RATE, {"error": {}, "size": {"direction": "max"}, "time": {"limit": 9.0}}, **RANDOM)
    values = [(0.0, 10.0, 1.0), (1.0, 30.0, 2.0), (0.5, 0.0, 3.0)]
    told = [
        ask.ended(made, trial(i), dict(zip(["error", "size", "time"], row, strict=True)))
        for i, row in enumerate(values)
    ]
    known = [*told, trial(3)]  # one that runs says nothing
    limits = [aim.limit for aim in ask.judged(made, known).objectives]
    np.testing.assert_allclose(limits, [1.1, 8.0, 9.0])
    assert ask.judged(made, [trial()]).reference == (0.0, 0.0, 9.0)
    stated = ask.judged(made, known)
    assert ask.judged(stated, told[:1]) is stated


def test_an_end_has_values_signed_once_or_a_failure() -> None:
    made = ask.define(
        RATE,
        {"size": {"direction": "max"}},
        proposer={"name": "random"},
        more={"constraints": {"memory": {"max": 2.0}}},
    )
    good = ask.ended(made, trial(), {"size": 3.0, "memory": 1.5})
    assert (good.state, good.losses, good.violations) == ("finished", (-3.0,), (-0.5,))
    for value in (math.nan, math.inf, -math.inf):
        bad = ask.ended(made, trial(), {"size": 3.0, "memory": value})
        assert bad.failure == Failure(cause="diverged", message=f"memory is {value}", step=4)
        assert (bad.state, bad.values, bad.losses, bad.violations) == ("failed", {}, (), ())
    crash = Failure(cause="crashed", message="")
    assert ask.ended(made, trial(), {}, crash).failure is crash


def test_a_launched_study_asks_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    proposed = propose.propose

    def noting(name: str, space: Space, trials: list[Trial], q: int, **known: object) -> list[dict]:
        asked.append((name, len(trials), q, known))
        return proposed(name, space, trials, q, **known)  # type: ignore[arg-type]

    monkeypatch.setattr(propose, "propose", noting)
    api.launch(ANALYTIC, home=tmp_path, mirror=False, quiet=True)
    made = study.read(ANALYTIC)
    known = {"seed": 3, "reference": made.reference, "settings": made.proposer_settings, "repeats": False}
    known |= {"start": (), "interest": None, "earlier": ()}
    assert asked == [("random", n, 3, known) for n in (0, 3, 6, 9)]
    trials = Store(tmp_path).trials("small", made)
    assert ask.proposals(made, trials[:6], 3) == [trial.params for trial in trials[6:9]]
