import threading
from collections.abc import Sequence
from typing import Any

import pytest

from search.ahead import Ahead
from search.trial import Trial


class Counting:
    """Proposes the number of points that it is told of, so a proposal says what it knew; holds until it may go on."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, trials: Sequence[Trial], q: int) -> list[dict[str, Any]]:
        self.go.wait(10)
        self.calls.append((len(trials), q))
        return [{"x": len(trials) + i} for i in range(q)]


def trials(n: int) -> list[Trial]:
    return [Trial(number=i, params={"x": i}, seed=0) for i in range(n)]


def test_every_proposal_is_given_once_and_in_order_and_none_beyond_the_budget() -> None:
    propose, taken = Counting(), []
    ahead = Ahead(propose, 2)
    for n in range(9):
        taken += ahead.take(trials(n), 1, 9 - n)
    assert [params["x"] for params in taken] == list(range(9))
    assert sum(q for _, q in propose.calls) == 9


def test_what_is_ready_is_given_while_the_next_is_thought_about() -> None:
    propose = Counting()
    ahead = Ahead(propose, 2)
    ahead.take(trials(0), 1, 20)  # four were asked for: three are ready
    propose.go.clear()
    given = [ahead.take(trials(1 + n), 1, 19 - n)[0]["x"] for n in range(3)]  # none of them waits
    assert given == [1, 2, 3]
    propose.go.set()


def test_an_error_of_the_proposer_is_raised_where_its_proposal_is_wanted() -> None:
    def broken(*_: Any) -> list[dict[str, Any]]:
        raise ValueError("no model")

    with pytest.raises(ValueError, match="no model"):
        Ahead(broken, 2).take(trials(0), 1, 5)


def test_a_space_that_is_used_up_gives_fewer() -> None:
    assert Ahead(lambda trials, q: [], 2).take(trials(3), 1, 5) == []
