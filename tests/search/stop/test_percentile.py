"""A trial stops where it is worse than a percentile of its peers in every objective, and nowhere else."""

from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from search.stop import percentile


def keep(curves: NDArray[np.float64], asking: Any, **changes: Any) -> list[bool]:
    settings = {"percentile": 50.0, "grace": 0.0, "minimum": 2, **changes}
    given = {"reference": np.ones(curves.shape[2]), "audited": np.zeros(len(curves), dtype=np.bool_)}
    return [bool(on) for on in percentile.keep(curves, np.asarray(asking), **given, **settings)]


def seen(losses: NDArray[np.float64], rungs: int = 4) -> NDArray[np.float64]:
    """(n, m) at the first of ``rungs`` rungs."""
    curves = np.full((len(losses), rungs, losses.shape[1]), np.nan)
    curves[:, 0] = losses
    return curves


@pytest.mark.parametrize("level", [20.0, 50.0, 80.0])
def test_it_is_the_definition(level: float, rng: Generator) -> None:
    for number in range(40):
        losses = rng.normal(size=(int(rng.integers(2, 30)), 3))
        losses = losses if number % 2 else np.round(losses)
        wanted = []
        for own in losses:
            bars = [np.percentile(column, level) for column in losses.T]
            wanted.append(any(value <= bar for value, bar in zip(own, bars, strict=True)))
        assert keep(seen(losses), np.arange(len(losses)), percentile=level) == wanted


def test_the_best_in_one_objective_goes_on_however_bad_in_the_others(rng: Generator) -> None:
    losses = rng.normal(size=(20, 3))
    losses[7] = [-10.0, 10.0, 10.0]
    goes_on = keep(seen(losses), np.arange(20), percentile=10.0)
    assert goes_on[7] and not all(goes_on)


def test_peers_are_those_of_the_same_rung() -> None:
    curves = seen(np.arange(10.0)[:, None])
    curves[:5, 1] = curves[:5, 0] + 100.0  # seen later with much larger losses: no peers of the younger ones
    assert keep(curves, np.arange(10)) == [True, True, True, False, False, *[False] * 5]


def test_nothing_stops_in_its_grace_nor_with_few_peers() -> None:
    curves = seen(np.arange(10.0)[:, None])
    assert all(keep(curves, np.arange(10), grace=0.3)) and not all(keep(curves, np.arange(10), grace=0.25))
    assert all(keep(curves, np.arange(10), minimum=11)) and not all(keep(curves, np.arange(10), minimum=10))
