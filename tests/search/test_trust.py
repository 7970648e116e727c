"""How far the model can be trusted: high where losses follow from the params, low where they do not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search import api, study
from search.store import Store
from search.trial import Trial
from search.trust import Trust, trust
from tests.search.studies import ANALYTIC, changed

TABLE: dict[str, Any] = {
    "trainer": {"command": "train"},
    "space": {"x": {"low": 0.0, "high": 1.0}, "y": {"low": 0.0, "high": 1.0}},
    "objectives": {"smooth": {"limit": 3.0}, "noise": {"limit": 3.0}},
}
MADE = study.read(TABLE)
MODELLED = changed(ANALYTIC, {"proposer": {"name": "ehvi"}})


def trials(n: int) -> list[Trial]:
    """One loss that is a smooth function of the params, and one that is drawn whatever they are."""
    rng, found = np.random.default_rng(0), []
    for number in range(n):
        params = MADE.space.sample(rng)
        losses = (float(np.sin(3.0 * params["x"]) + params["y"] ** 2), float(rng.normal()))
        found.append(Trial(number=number, params=params, seed=0, state="finished", losses=losses, step=1))
    return found


def test_what_can_be_predicted_is_told_from_what_cannot() -> None:
    told = trust(MADE, trials(40))
    assert told["smooth"].r2 > 0.95 and told["noise"].r2 < 0.3
    assert all(each.trials == 40 and each.covered > 0.75 for each in told.values())


def test_intervals_cover_what_they_say_of_noise() -> None:
    assert 0.82 <= trust(MADE, trials(120))["noise"].covered <= 0.97


def test_it_is_each_value_from_all_others() -> None:
    """A trial that is moved moves its own miss, not what is expected of it."""
    known = trials(30)
    spoilt = [*known[:-1], replace(known[-1], losses=(known[-1].losses[0] + 1.5, known[-1].losses[1]))]
    assert trust(MADE, spoilt)["smooth"].r2 < trust(MADE, known)["smooth"].r2 - 0.02


def test_there_is_nothing_to_trust_without_a_model() -> None:
    assert trust(MADE, trials(3)) == {}  # the design is not over
    assert trust(study.read(changed(ANALYTIC, {"proposer": {"name": "sobol"}})), trials(40)) == {}
    hasty = study.read({**TABLE, "proposer": {"name": "auto"}})
    assert trust(hasty, [replace(trial, seconds=1e-3) for trial in trials(40)]) == {}  # taken is one without a model
    constant = [replace(trial, losses=(1.0, trial.losses[1])) for trial in trials(20)]
    assert trust(MADE, constant).keys() == {"noise"}


def test_it_is_kept_with_the_study_when_a_launch_ends(tmp_path: Path) -> None:
    api.launch(MODELLED, home=tmp_path, mirror=False, quiet=True)
    store = Store(tmp_path)
    made = store.study("small")
    assert store.trust("small") == trust(made, store.trials("small", made)) != {}
    assert str(Trust(trials=9, r2=0.5, covered=8 / 9)) == "R2 0.50, 89% in the 90% interval"
    api.launch(changed(ANALYTIC, {"name": "blind"}), home=tmp_path, mirror=False, quiet=True)
    assert store.trust("blind") == {}


@pytest.mark.parametrize("word", ["proposed by ehvi", "its model of f1, each trial left out: R2 ", "explored "])
def test_status_shows_it(tmp_path: Path, word: str) -> None:
    from click.testing import CliRunner

    from search import cli

    api.launch(MODELLED, home=tmp_path, mirror=False, quiet=True)
    assert word in CliRunner().invoke(cli.main, ["status", "small", "--home", str(tmp_path)]).output
