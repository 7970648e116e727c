"""Trials of one configuration: who they are, what they say together, and which of them stands for it."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from search import repeats
from search.pareto.hypervolume import hypervolume
from search.trial import Trial

REFERENCE = (10.0, 10.0)


def trial(number: int, losses: tuple[float, ...], x: float = 0.5, seed: int | None = 0, **more: Any) -> Trial:
    values = dict(zip("ab", losses, strict=False))
    known = {"params": {"x": x}, "state": "finished", "values": values, "violations": (-1.0,)}
    return Trial(**{"number": number, "seed": seed, "losses": losses, **known, **more})


def numbers(trials: list[Trial]) -> list[list[int]]:
    return [[each.number for each in one.trials] for one in repeats.configurations(trials)]


def test_the_same_params_with_another_seed_are_one_configuration() -> None:
    assert numbers([trial(0, (1, 1)), trial(1, (2, 2), x=0.7), trial(2, (3, 3), seed=1)]) == [[0, 2], [1]]


def test_the_same_seed_again_and_no_seed_are_points_of_their_own() -> None:
    merged = trial(3, (1, 1), seed=None, params={}, parents=(0, 1), coefficients=(0.5, 0.5))
    other = trial(4, (1, 1), seed=None, params={}, parents=(0, 2), coefficients=(0.5, 0.5))
    trials = [trial(0, (1, 1)), trial(1, (1, 1)), trial(2, (2, 2), seed=1), merged, other]
    assert numbers(trials) == [[0, 2], [1], [3], [4]]


def test_all_that_is_said_of_it_is_the_mean() -> None:
    one, two = (
        trial(i, (1.0 + i, 4.0), seed=i, violations=(2.0 * i - 1,), report_values={"a": 2.0 + i}) for i in range(2)
    )
    (found,) = repeats.configurations([one, two])
    assert (found.losses, found.values, found.report_values) == ((1.5, 4.0), {"a": 1.5, "b": 4.0}, {"a": 2.5})
    assert found.violations == (0.0,) and found.feasible
    (alone,) = repeats.configurations([one])
    assert (alone.losses, alone.values, alone.typical) == (one.losses, one.values, one)


def test_a_value_that_one_lacks_has_no_mean() -> None:
    (found,) = repeats.configurations([trial(0, (1, 1)), trial(1, (3, 3), seed=1, values={"a": 3})])
    assert found.values == {"a": 2}


def test_the_typical_repeat_is_nearest_to_the_mean_in_deviations(rng: Generator) -> None:
    for _ in range(50):
        losses = rng.normal(size=(5, 2)) * [1.0, 1000.0]  # the second would decide alone
        (found,) = repeats.configurations([trial(i, tuple(row), seed=i) for i, row in enumerate(losses.tolist())])
        far = [sum(((row - losses.mean(axis=0)) / losses.std(axis=0)) ** 2) for row in losses]
        assert found.typical.number == int(np.argmin(far))


def test_of_two_which_are_always_equally_far_the_first_is_typical() -> None:
    for gap in (0.1, 0.7, 1e-9):
        (found,) = repeats.configurations([trial(0, (0.3, 1)), trial(1, (0.3 + gap, 2), seed=1)])
        assert found.typical.number == 0
    (equal,) = repeats.configurations([trial(i, (1, 1), seed=i) for i in range(3)])
    assert equal.typical.number == 0


def test_the_first_repeat_is_the_first_that_ended_as_one() -> None:
    trials = [
        trial(0, (1, 1)),
        trial(1, (1, 1), x=0.2),
        trial(2, (1, 1), seed=1, state="stopped"),
        trial(3, (2, 2), seed=2),
    ]
    assert repeats.first_repeat(trials) == 3 and repeats.first_repeat(trials[:3]) == math.inf


@pytest.mark.parametrize("seed", range(6))
def test_the_growth_is_the_volume_of_the_means_of_all_that_had_ended_by_then(seed: int) -> None:
    rng, trials = np.random.default_rng(seed), []
    for number in range(24):
        x, at = float(rng.integers(0, 30 if number < 10 else 12)), len(trials)
        losses = tuple(rng.integers(0, 12, 2).astype(float).tolist())
        trials.append(trial(number, losses, x=x, seed=at, violations=(float(rng.integers(-2, 2)),)))
    found = dict(repeats.growth(trials, REFERENCE))
    begun = repeats.first_repeat(trials)
    assert math.isfinite(begun)
    fallen, before = 0, 0.0
    for i, each in enumerate(trials):
        together = repeats.configurations(trials[: i + 1])
        (own,) = [one for one in together if each in one.trials]
        allowed = [one.losses for one in together if one.feasible]
        expected = hypervolume(np.array(allowed).reshape(-1, 2), REFERENCE)
        assert (each.number in found) == (own.feasible or len(own.trials) > 1), f"{seed=} {i=}"
        if each.number in found:
            assert found[each.number] == pytest.approx(expected)
            fallen, before = fallen + (expected < before), expected
    assert seed or fallen, "a repeat that is worse than hoped takes some of the volume away"


def test_without_repeats_the_growth_is_the_curve_that_never_falls(rng: Generator) -> None:
    trials = [trial(n, tuple(rng.uniform(0, 12, 2).tolist()), x=n) for n in range(30)]
    heights = [height for _, height in repeats.growth(trials, REFERENCE)]
    assert len(heights) == 30 and heights == sorted(heights)
