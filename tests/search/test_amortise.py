"""The surrogate of a study's merges. That merges are made and kept is tested where studies run."""

from dataclasses import replace

import pytest

from search import amortise
from search import study as studies
from search.trial import Trial
from tests.search.mirrored import finished, merged
from tests.search.studies import DISTILL

MADE = studies.read(DISTILL)
ENDS = [finished(MADE, 0, (0.1, 2.0), base="one"), finished(MADE, 1, (0.3, 1.0), base="one")]


def merge(number: int, first: float, second: float, **more: object) -> Trial:
    """A bowl that passes through both ends."""
    bowl = (0.1 * first + 0.3 * second - 0.2 * first * second, 2.0 * first + second - first * second)
    return merged(MADE, number, bowl, (0, 1), coefficients=(first, second), **more)


def lost(number: int, coefficients: tuple[float, ...]) -> Trial:
    made = merged(MADE, number, (0.2, 1.5), (0, 1), coefficients=coefficients)
    return replace(made, state="failed", values={}, report_values={}, losses=(), violations=())


def test_the_error_of_the_surrogate_is_known_from_the_first_merge_on_and_falls():
    assert [trial.number for trial in amortise.parents(MADE, ENDS)] == [0, 1]
    assert amortise.error(MADE, ENDS) == {}
    done = [merge(2 + i, i % 4 / 3, (i // 4 + 1) / 4) for i in range(16)]
    one, many = (amortise.error(MADE, [*ENDS, *done[:n]]) for n in (1, 16))
    assert one.keys() == many.keys() == {"ece", "kl_to_teacher"}
    assert all(0 < many[name] < 0.1 * one[name] for name in many)


@pytest.mark.parametrize("base", [None, "alone"])
def test_without_two_parents_there_is_no_surrogate_and_no_error(base):
    trials = [finished(MADE, i, (0.1 + 0.1 * i, 2.0 - i), base=base if i == 0 else None) for i in range(2)]
    assert amortise.error(MADE, trials) == {}


def test_where_most_of_the_design_is_lost_the_rest_proposes_the_next():
    """Fewer rows are left than a quadratic has terms."""
    chosen, trials = amortise.parents(MADE, ENDS), list(ENDS)
    for number in range(2, 16):
        ((first, second),) = amortise.propose(MADE, trials, chosen, 1)
        trials.append(merge(number, first, second) if number == 3 else lost(number, (first, second)))
    assert len({trial.coefficients for trial in trials[2:]}) == 14
