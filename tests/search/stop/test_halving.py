"""Who goes on at a rung: what must hold of asynchronous halving whatever the losses are, ties above all."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from search.pareto import dominance
from search.stop import halving

Losses = NDArray[np.float64]
RUNGS = 10


def keep(peers: Losses, asking: Any = None, *, seen: int = 5, **changes: Any) -> list[bool]:
    """Who of the rows ``asking`` (all, if left out) goes on, all ``peers`` (n, m) seen at the same rung."""
    curves = np.full((len(peers), RUNGS, peers.shape[1]), np.nan)
    curves[:, :seen] = peers[:, None]
    asking = np.arange(len(peers)) if asking is None else np.asarray(asking)
    eager = {"share": 0.3, "grace": 0.0, "minimum": 2, **changes}  # it stops whom it may
    given = {"reference": np.ones(peers.shape[1]), "audited": np.zeros(len(peers), dtype=np.bool_)}
    return [bool(on) for on in halving.keep(curves, asking, **given, **eager)]


def draws(rng: Generator, times: int = 60) -> Iterator[Losses]:
    """Vectors (n, m): half of them continuous, half of them whole numbers, so that ties and repeated rows abound."""
    for number in range(times):
        shape = int(rng.integers(2, 25)), int(rng.integers(1, 5))
        yield rng.normal(size=shape) if number % 2 else rng.integers(0, 4, size=shape).astype(float)


def dominates(one: Losses, other: Losses) -> bool:
    return bool((one <= other).all() and (one < other).any())


def test_a_trial_that_nobody_dominates_never_stops(rng: Generator) -> None:
    for peers in draws(rng):
        goes_on = keep(peers, share=0.1)
        for row in range(len(peers)):
            if not any(dominates(other, peers[row]) for other in peers):
                assert goes_on[row]


def test_some_trial_stops(rng: Generator) -> None:
    """The theorems here would hold of a rule that stops nobody."""
    assert any(not all(keep(peers)) for peers in draws(rng))
    chain = np.arange(10.0)[:, None].repeat(2, axis=1)
    assert keep(chain) == [True] * 3 + [False] * 7


def test_nothing_stops_before_there_is_enough_to_compare_with(rng: Generator) -> None:
    for peers in draws(rng):
        assert all(keep(peers, minimum=len(peers) + 1))
    chain = np.arange(10.0)[:, None]
    assert not all(keep(chain, minimum=10))


def test_nothing_stops_in_the_grace_of_its_first_rungs() -> None:
    chain = np.arange(10.0)[:, None]
    stopped = {seen: not all(keep(chain, seen=seen, grace=0.5)) for seen in range(1, RUNGS)}
    assert stopped == {seen: seen >= 5 for seen in range(1, RUNGS)}


def test_trials_are_compared_at_equal_fidelity_only(rng: Generator) -> None:
    """Trials at two rungs who ask together: each as if those of its rung, and those beyond, were asked alone."""
    for peers in draws(rng):
        old = rng.permutation(len(peers))[: len(peers) // 2]
        young = np.setdiff1d(np.arange(len(peers)), old)
        curves = np.full((len(peers), RUNGS, peers.shape[1]), np.nan)
        curves[:, :2] = peers[:, None]
        curves[old, :5] = -peers[old, None]  # whoever is further on was seen before with other losses
        settings = {"reference": np.ones(peers.shape[1]), "audited": np.zeros(len(peers), dtype=np.bool_)}
        found = halving.keep(curves, np.arange(len(peers)), share=0.3, grace=0.0, minimum=1, **settings)
        assert found[old].tolist() == (keep(-peers[old], minimum=1) if len(old) else [])
        at_two = curves[:, 1]
        assert found[young].tolist() == keep(at_two, young, seen=2, minimum=1)


def test_equal_trials_have_one_fate(rng: Generator) -> None:
    for peers in draws(rng):
        goes_on = keep(np.vstack([peers, peers]))
        assert goes_on[: len(peers)] == goes_on[len(peers) :]


def test_a_trial_never_stops_while_a_worse_one_goes_on(rng: Generator) -> None:
    for peers in draws(rng):
        goes_on = keep(peers)
        for better, worse in np.ndindex(len(peers), len(peers)):
            if dominates(peers[better], peers[worse]):
                assert goes_on[better] or not goes_on[worse]


def test_the_verdict_is_of_the_trial_and_not_of_who_asks_with_it(rng: Generator) -> None:
    for peers in draws(rng):
        together = keep(peers)
        assert [keep(peers, [row])[0] for row in range(len(peers))] == together


def test_a_larger_share_stops_nobody_whom_a_smaller_one_keeps(rng: Generator) -> None:
    for peers in draws(rng):
        kept = [keep(peers, share=share) for share in (0.1, 0.4, 0.7, 1.0)]
        for fewer, more in zip(kept, kept[1:], strict=False):
            assert all(b or not a for a, b in zip(fewer, more, strict=True))
        assert all(kept[-1])


def test_scales_and_offsets_of_the_objectives_do_not_matter(rng: Generator) -> None:
    for peers in draws(rng):
        scale, offset = 2.0 ** rng.integers(-8, 9, size=peers.shape[1]), rng.integers(-5, 6, size=peers.shape[1])
        assert keep(np.round(peers, 6) * scale + offset) == keep(np.round(peers, 6))


def test_the_best_share_goes_on_by_rank_and_within_a_rank_by_solitude(rng: Generator) -> None:
    """The definition, on vectors without ties."""
    for _ in range(60):
        peers = rng.normal(size=(int(rng.integers(2, 25)), int(rng.integers(2, 4))))
        ranks = by_peeling(peers)
        alone = np.empty(len(peers))
        for rank in set(ranks):
            alone[ranks == rank] = dominance.crowding(peers[ranks == rank])
        goes_on = np.array(keep(peers, share=0.5))
        assert goes_on.sum() == max((ranks == 0).sum(), np.ceil(0.5 * len(peers)))
        last = ranks[goes_on].max()
        assert goes_on[ranks < last].all()
        stopped = alone[(ranks == last) & ~goes_on]
        assert alone[(ranks == last) & goes_on].min() >= stopped.max(initial=0.0)


def by_peeling(peers: Losses) -> NDArray[np.int64]:
    ranks, left, rank = np.full(len(peers), -1), set(range(len(peers))), 0
    while left:
        front = {row for row in left if not any(dominates(peers[other], peers[row]) for other in left)}
        ranks[list(front)] = rank
        left, rank = left - front, rank + 1
    return ranks


@pytest.mark.parametrize("share", [0.1, 0.6, 1.0])
def test_a_single_objective_is_halving_as_everybody_knows_it(share: float, rng: Generator) -> None:
    losses = rng.permutation(20).astype(float)[:, None]
    goes_on = np.array(keep(losses, share=share))
    assert sorted(losses[goes_on, 0]) == list(range(int(np.ceil(share * 20))))
