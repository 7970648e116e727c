"""Every moment belongs to one part, and nothing is lost when a part never ends."""

import pytest

from search import clock


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test moves: time[0]."""
    now = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    return now


def test_an_inner_part_is_not_counted_in_the_outer_one(time: list[float]) -> None:
    parts = clock.Clock()
    time[0] = 1.0  # belongs to no part
    with parts.part("training"):
        time[0] = 3.0
        with parts.part("store"):
            time[0] = 7.0
        time[0] = 8.0
    assert parts.take() == {"training": 3.0, "store": 4.0}
    assert parts.take() == {}


def test_a_part_that_is_still_open_is_told_as_far_as_it_is(time: list[float]) -> None:
    parts = clock.Clock()
    with parts.part("training"):
        time[0] = 2.0
        with parts.part("store"):
            time[0] = 2.5
            assert parts.take() == {"training": 2.0, "store": 0.5}
        time[0] = 4.5
    assert parts.take() == {"store": 0.0, "training": 2.0}


def test_overhead_is_what_is_neither_training_nor_measuring() -> None:
    assert clock.overhead({"training": 6.0, "measuring": 2.0, "store": 1.0, "imports": 1.0}) == pytest.approx(0.2)
    assert clock.overhead({}) == 0.0


def test_seconds_of_workers_are_no_overhead_and_tell_how_idle_they_were() -> None:
    parts = clock.Clock()
    parts.add("training", 8.0)
    parts.add("store", 2.0)
    parts.add("workers trained", 15.0)
    parts.add("workers waited", 5.0)
    taken = parts.take()
    assert clock.overhead(taken) == pytest.approx(0.2)
    assert clock.idle(taken) == pytest.approx(0.25)
    assert clock.idle({"training": 1.0}) is None
