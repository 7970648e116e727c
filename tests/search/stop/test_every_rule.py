"""What every stopping rule owes to the loop, whatever it decides by."""

import time
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from search import components
from tests.search.stop.families import FAMILIES, REFERENCE, curves, cut

RULES = components.names("stop")


def rule(name: str, **changes: Any) -> Any:
    module = components.load("stop", name, where="here")
    return partial(module.keep, **{key: spec["default"] for key, spec in module.SPACE.items()} | changes)


def asked(name: str, made: NDArray[np.float64], asking: NDArray[np.int64], **changes: Any) -> NDArray[np.bool_]:
    nobody = np.zeros(len(made), dtype=np.bool_)
    reference = changes.pop("reference", REFERENCE)
    found = rule(name, **changes)(made, asking, reference=reference, audited=nobody)
    assert found.dtype == np.bool_ and found.shape == asking.shape
    return np.asarray(found)


def test_the_rules_are_there() -> None:
    assert {"front", "halving", "percentile"} <= set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_it_stops_some_and_keeps_some(name: str, rng: Generator) -> None:
    found = np.concatenate([asked(name, *cut(curves("power", rng), rng)) for _ in range(4)])
    assert 0 < found.sum() < len(found)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", RULES)
def test_neither_the_order_of_trials_nor_that_of_who_asks_matters(name: str, family: str, rng: Generator) -> None:
    for number in range(3):
        made, asking = cut(curves(family, rng), rng)
        made = np.round(made, 1) if number == 2 else made  # ties
        order, turned = rng.permutation(len(made)), rng.permutation(len(asking))
        place = np.argsort(order)
        first = asked(name, made, asking)
        np.testing.assert_array_equal(asked(name, made[order], place[asking[turned]]), first[turned])


@pytest.mark.parametrize("name", RULES)
def test_it_is_a_function_of_its_arguments_and_leaves_them_as_they_were(name: str, rng: Generator) -> None:
    made, asking = cut(curves("noisy", rng), rng)
    before = made.copy(), asking.copy()
    first = asked(name, made, asking)
    np.random.default_rng().random(5)
    np.testing.assert_array_equal(asked(name, made, asking), first)
    np.testing.assert_array_equal(made, before[0])
    np.testing.assert_array_equal(asking, before[1])


@pytest.mark.parametrize("name", RULES)
def test_units_do_not_matter(name: str, rng: Generator) -> None:
    for family in FAMILIES:
        made, asking = cut(curves(family, rng), rng)
        scale = 2.0 ** rng.integers(-20, 20, 2)  # powers of two change no digit
        np.testing.assert_array_equal(
            asked(name, made * scale, asking, reference=REFERENCE * scale), asked(name, made, asking)
        )


@pytest.mark.parametrize("name", RULES)
def test_the_first_trials_of_a_study_go_on(name: str) -> None:
    """Nobody has anything to be compared with: one trial, and then a population at its first rung."""
    for count in (1, 5):
        made = np.full((count, 4, 2), np.nan)
        made[:, 0] = np.arange(count)[:, None]
        assert asked(name, made, np.arange(count)).all()


@pytest.mark.parametrize("name", RULES)
def test_trials_that_were_never_seen_or_missed_a_rung_do_no_harm(name: str, rng: Generator) -> None:
    made, asking = cut(curves("power", rng), rng)
    unseen = np.full((3, *made.shape[1:]), np.nan)
    np.testing.assert_array_equal(asked(name, np.vstack([made, unseen]), asking), asked(name, made, asking))
    ended = np.flatnonzero(np.isfinite(made[:, -1]).all(axis=1))
    made[ended[:3], 2] = np.nan
    asked(name, made, asking)


@pytest.mark.parametrize(("n", "milliseconds"), [(100, 20.0), (1000, 300.0)])
@pytest.mark.parametrize("name", RULES)
def test_a_verdict_is_quick(name: str, n: int, milliseconds: float, rng: Generator) -> None:
    """k = 24, m = 3. Processor time, the least of some: other processes do not count."""
    full = np.concatenate([curves("noisy", rng, n=n), curves("noisy", rng, n=n)[..., :1]], axis=2)
    made, _ = cut(full, rng)
    asking = np.flatnonzero(np.isnan(made[:, -1]).any(axis=1))[:24]
    reference = np.full(3, 1.3)
    times = []
    for _ in range(8):
        began = time.process_time()
        asked(name, made, asking, reference=reference)
        times.append(1000.0 * (time.process_time() - began))
    assert min(times) < milliseconds
