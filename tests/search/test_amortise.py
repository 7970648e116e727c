"""Merges that are proposed from trials: what counts as known of them, rule by rule."""

from pathlib import Path

import numpy as np
import pytest

from search import amortise, components, launch, study
from search.store import Store
from search.trial import Trial
from tests.search.studies import DISTILL, changed

CORNERS = {(1.0, 0.0), (0.0, 1.0)}


@pytest.fixture(autouse=True)
def _without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a surrogate of the quadratic law below is exact, whatever its measures could be at all."""
    monkeypatch.setattr(amortise, "_bounds", lambda objective: (None, None))


def law(c: tuple[float, ...], *, thinned: bool) -> tuple[float, ...]:
    """A quadratic of the coefficients, which at the corners is not what the members measure if they are thinned."""
    x, y = c
    return (0.4 - 0.3 * x + 0.1 * y * y + 0.3 * thinned, 9.0 - 6.0 * y + 2.0 * x * y + 3.0 * thinned)


def merged(rule: str, evaluations: int) -> tuple[study.Study, list[Trial]]:
    """A study of two parents after so many merges, as the loop would have made them."""
    made = study.read(changed(DISTILL, {"merge.rule": rule}))
    thinned = rule in ("ties", "dare")
    trials = [
        Trial(number=n, params={}, seed=0, state="finished", losses=law(corner, thinned=False), base="b")
        for n, corner in enumerate(sorted(CORNERS, reverse=True))
    ]
    while (count := len(trials) - 2) < evaluations:
        for c in amortise.propose(made, trials, amortise.parents(made, trials), min(6, evaluations - count)):
            row = dict(params={}, seed=None, state="finished", base="b", parents=(0, 1), coefficients=c)
            trials.append(Trial(number=len(trials), losses=law(c, thinned=thinned), **row))
    return made, trials


@pytest.mark.parametrize("rule", ["task_arithmetic", "linear", "slerp"])
def test_members_that_a_rule_gives_back_are_known_merges_and_cost_nothing(rule: str) -> None:
    made, trials = merged(rule, 12)
    tried = [trial.coefficients for trial in trials[2:]]
    assert len(set(tried)) == 12 and not CORNERS & set(tried)
    assert max(amortise.error(made, trials).values()) < 1e-6


@pytest.mark.parametrize("rule", ["ties", "dare"])
def test_members_that_a_rule_thins_out_are_merges_to_be_evaluated(rule: str) -> None:
    made, trials = merged(rule, 12)
    tried = [trial.coefficients for trial in trials[2:]]
    assert len(set(tried)) == 12 and CORNERS < set(tried)
    # the members' own losses, which are off this law, are not told to the surrogate
    assert max(amortise.error(made, trials).values()) < 1e-6


@pytest.mark.parametrize("rule", ["task_arithmetic", "ties"])
def test_the_error_of_the_surrogate_is_silent_before_there_are_more_merges_than_terms(rule: str) -> None:
    assert amortise.error(*merged(rule, 0)) == {}
    enough = 5 if rule == "task_arithmetic" else 7
    assert amortise.error(*merged(rule, enough - 1)) == {}
    assert np.isfinite(list(amortise.error(*merged(rule, enough)).values())).all()


@pytest.mark.slow
@pytest.mark.parametrize("rule", components.names("merge"))
def test_every_rule_spends_its_budget_on_merges_that_are_measured(rule: str, tmp_path: Path) -> None:
    table = changed(DISTILL, {"merge.rule": rule})
    launch(table, home=tmp_path, mirror=False, quiet=True)
    trials = Store(tmp_path).trials(DISTILL["name"], study.read(table))
    merges = [trial for trial in trials if trial.kind == "merged"]
    assert len({trial.coefficients for trial in merges}) == 9
    assert all(trial.state == "finished" and np.isfinite(trial.losses).all() for trial in merges)
