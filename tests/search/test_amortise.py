"""Merges that are proposed from trials: what counts as known of them, rule by rule."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search import amortise, components, launch, study
from search.store import Store
from search.trial import Trial
from tests.search.mirrored import finished
from tests.search.mirrored import merged as mirrored
from tests.search.studies import DISTILL, changed

MADE = study.read(DISTILL)
ENDS = [finished(MADE, 0, (0.1, 2.0), base="one"), finished(MADE, 1, (0.3, 1.0), base="one")]
CORNERS = {(1.0, 0.0), (0.0, 1.0)}


@pytest.fixture(autouse=True)
def _without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the laws below hold as they are written, whatever their measures could be at all."""
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


@pytest.mark.parametrize("rule, enough", [("task_arithmetic", 1), ("ties", 3)])
def test_the_error_of_the_surrogate_is_silent_before_there_are_more_points_than_parents(rule: str, enough: int) -> None:
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


def merge(number: int, first: float, second: float, **more: object) -> Trial:
    """A bowl that passes through both ends."""
    bowl = (0.1 * first + 0.3 * second - 0.2 * first * second, 2.0 * first + second - first * second)
    return mirrored(MADE, number, bowl, (0, 1), coefficients=(first, second), **more)


def lost(number: int, coefficients: tuple[float, ...]) -> Trial:
    made = mirrored(MADE, number, (0.2, 1.5), (0, 1), coefficients=coefficients)
    return replace(made, state="failed", values={}, report_values={}, losses=(), violations=())


def test_the_error_of_the_surrogate_is_known_from_the_first_merge_on_and_falls() -> None:
    assert [trial.number for trial in amortise.parents(MADE, ENDS)] == [0, 1]
    assert amortise.error(MADE, ENDS) == {}
    done = [merge(2 + i, i % 4 / 3, (i // 4 + 1) / 4) for i in range(16)]
    one, many = (amortise.error(MADE, [*ENDS, *done[:n]]) for n in (1, 16))
    assert one.keys() == many.keys() == {"ece", "kl_to_teacher"}
    assert all(0 < many[name] < 0.1 * one[name] for name in many)


@pytest.mark.parametrize("base", [None, "alone"])
def test_without_two_parents_there_is_no_surrogate_and_no_error(base: str | None) -> None:
    trials = [finished(MADE, i, (0.1 + 0.1 * i, 2.0 - i), base=base if i == 0 else None) for i in range(2)]
    assert amortise.error(MADE, trials) == {}


def test_where_most_of_the_design_is_lost_the_rest_proposes_the_next() -> None:
    """Fewer rows are left than a quadratic has terms."""
    chosen, trials = amortise.parents(MADE, ENDS), list(ENDS)
    for number in range(2, 16):
        ((first, second),) = amortise.propose(MADE, trials, chosen, 1)
        trials.append(merge(number, first, second) if number == 3 else lost(number, (first, second)))
    assert len({trial.coefficients for trial in trials[2:]}) == 14
