"""What the check of refused trials says."""

import math
from typing import Any

import pytest

from search import study
from search.audit import audit, clopper_pearson
from search.trial import Trial

MADE = study.read(
    {
        "name": "audited", "trainer": {"name": "distill"}, "space": {"learning_rate": {}},
        "objectives": {"error": {"limit": 1.0}, "ece": {"limit": 1.0}},
        "budget": {"trials": 8, "steps": 40, "rungs": 4}, "stop": {"rule": "front", "tolerance": 0.1},
    }
)  # fmt: skip


def trial(number: int, losses: tuple[float, ...] = (), **changes: Any) -> Trial:
    state = "finished" if losses else "stopped"
    return Trial(**{"number": number, "params": {}, "seed": 1, "state": state, "losses": losses, "step": 40, **changes})


def test_where_nothing_was_refused_there_is_nothing_to_say() -> None:
    assert audit(MADE, [trial(0, (0.1, 0.1))]) is None


@pytest.mark.parametrize(
    ("losses", "wrong"),
    [
        ((0.2, 0.8), 0),  # dominated
        ((0.15, 0.5), 0),  # not dominated, but better by less than a tenth of the span only
        ((0.05, 0.5), 1),  # better than both by more than that
        ((0.01, 1.1), 0),  # beyond a limit: on no front
    ],
)
def test_wrong_is_what_makes_the_front_better_by_more_than_the_tolerance(
    losses: tuple[float, float], wrong: int
) -> None:
    others = [trial(0, (0.2, 0.5)), trial(1, (0.5, 0.2)), trial(2, step=10)]
    found = audit(MADE, [*others, trial(3, losses, refused=10)])
    assert found is not None
    assert (found.stopped, found.saved, found.share, found.checked, found.wrong) == (1, 30, 30 / 160, 1, wrong)


def test_merged_models_neither_count_nor_compete() -> None:
    merged = trial(3, (0.0, 0.0), parents=(0, 1))
    found = audit(MADE, [trial(0, (0.2, 0.5)), trial(1, (0.1, 0.9), refused=10), merged])
    assert found is not None and found.checked == found.wrong == 0 + 1


@pytest.mark.parametrize(("wrong", "checked"), [(0, 5), (2, 30), (30, 30), (1, 1)])
def test_the_interval_is_the_exact_one(wrong: int, checked: int) -> None:
    """At its ends the binomial tail is 2.5 percent, summed by hand."""
    low, high = clopper_pearson(wrong, checked)

    def tail(p: float, counts: range) -> float:
        return sum(math.comb(checked, i) * p**i * (1 - p) ** (checked - i) for i in counts)

    if wrong:
        assert tail(low, range(wrong, checked + 1)) == pytest.approx(0.025, rel=1e-9)
    if wrong < checked:
        assert tail(high, range(wrong + 1)) == pytest.approx(0.025, rel=1e-9)
    assert low <= wrong / checked <= high
