"""Trials of earlier studies as trials of this one, and a launch that is told of them."""

import math
from pathlib import Path

import pytest

from search import api, earlier, study
from search.errors import StudyError
from search.store import Store
from search.trial import Trial
from tests.search.studies import ANALYTIC, changed

SPACE = {
    "rate": {"low": 0.1, "high": 1.0},
    "depth": {"low": 1, "high": 4, "integer": True, "default": 3},
    "kind": {"choice": {"a": {"order": {"low": 0, "high": 1}}, "b": {}}},
    "weights": {"simplex": ["x", "y"]},
}
MADE = study.read(
    {
        "name": "later",
        "trainer": {"command": "train"},
        "space": SPACE,
        "parameter_constraints": ["rate + depth <= 4.5"],
        "objectives": {"error": {"limit": 1.0}, "speed": {"limit": 0.0, "direction": "max"}},
    }
)
WHOLE = {"rate": 0.5, "depth": 2, "kind": "a", "kind.a.order": 0.25, "weights.x": 0.5, "weights.y": 0.5}
LATER = changed(ANALYTIC, {"name": "later", "proposer": {"name": "ehvi"}, "prior.studies": ["small"]})


def trial(**changes: object) -> Trial:
    values = {"error": 0.1, "speed": 2.0}
    known: dict = {"params": WHOLE, "values": values, "losses": (0.1,), "state": "finished"}
    return Trial(number=7, seed=0, **{**known, **changes})


def test_values_are_signed_as_this_study_wants_them_and_numbered_anew() -> None:
    (found,) = earlier.translated(MADE, [trial()])
    assert (found.number, found.params, found.losses) == (0, WHOLE, (0.1, -2.0))


def test_a_dimension_that_they_did_not_search_has_its_default() -> None:
    (found,) = earlier.translated(MADE, [trial(params={"rate": 0.5, "kind": "a", "momentum": 0.9})])
    assert found.params["depth"] == 3 and found.params["weights.x"] == 0.5 and found.params["kind.a.order"] == 0.5


@pytest.mark.parametrize(
    "changes",
    [
        {"params": {**WHOLE, "rate": 2.0}},
        {"params": {**WHOLE, "kind": "c"}},
        {"params": {**WHOLE, "weights.x": 0.9}},
        {"params": {**WHOLE, "rate": 0.9, "depth": 4}},
        {"values": {"loss": 1.0}},
        {"values": {}, "losses": ()},
        {"state": "stopped"},
        {"parents": (1, 2)},
    ],
    ids=["out of range", "no option", "no weights", "breaks a constraint", "no objective", "none", "stopped", "merged"],
)
def test_what_is_no_trial_of_this_study_is_left_out(changes: dict) -> None:
    assert earlier.translated(MADE, [trial(**changes)]) == ()


def test_a_loss_that_they_do_not_have_is_nan_and_survives_the_store() -> None:
    (found,) = earlier.translated(MADE, [trial(values={"error": 0.1})])
    assert found.losses[0] == 0.1 and math.isnan(found.losses[1])
    told = earlier.to_json(((found,),))
    assert told[0][0]["losses"] == [0.1, None]
    ((again,),) = earlier.from_json(told)
    assert again.params == found.params and math.isnan(again.losses[1])


def test_a_launch_copies_what_it_is_told_and_keeps_to_it(tmp_path: Path) -> None:
    api.launch(ANALYTIC, home=tmp_path, mirror=False, quiet=True)
    api.launch(LATER, home=tmp_path, mirror=False, quiet=True)
    store = Store(tmp_path)
    (copied,) = store.study("later").earlier
    first = store.trials("small", store.study("small"))
    assert [t.params for t in copied] == [t.params for t in first]
    later = store.trials("later", store.study("later"))
    assert later[0].params in [t.params for t in first]  # the earlier front comes first
    api.launch(ANALYTIC, home=tmp_path, mirror=False, quiet=True, trials=20, extend=True)
    assert store.study("later").earlier == (copied,)


def test_an_earlier_study_that_is_not_there_or_tells_nothing_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(Exception, match="study 'small': expected a study that was launched in"):
        api.launch(LATER, home=tmp_path, mirror=False, quiet=True)
    api.launch(ANALYTIC, home=tmp_path, mirror=False, quiet=True)
    other = changed(LATER, {"space": {"problem": "dtlz2"}, "objectives": {"f3": {"limit": 1.0}}})
    with pytest.raises(
        StudyError, match=r"\[prior\] studies: expected studies with finished .* Its objectives: f1, f2"
    ):
        api.launch(other, home=tmp_path, mirror=False, quiet=True)
    assert Store(tmp_path).names() == ["small"]
