"""Moves inside a polytope with whole and real coordinates: they never leave it, and they reach what it holds."""

from itertools import product

import numpy as np
import pytest
from numpy.random import Generator
from scipy import stats

from search.space.region import Number, Region, region


def real(name: str, low: float = 0.0, high: float = 1.0, *, log: bool = False) -> Number:
    return Number(name, name, low, high, log=log)


def whole(name: str, low: int, high: int) -> Number:
    return Number(name, name, low, high, whole=True)


def weights(*names: str) -> list[Number]:
    return [Number(f"w.{name}", "w", 0.0, 1.0, weight=True) for name in names]


REGIONS = {
    "triangle": ([real("a"), real("b")], [((1.0, 1.0), 0.5)]),
    "slab": ([real("a"), real("b"), real("c")], [((1.0, -1.0, 0.0), 1e-9), ((-1.0, 1.0, 0.0), 1e-9)]),
    "line": (
        [real("a"), real("b"), real("c")],
        [((1.0, 1.0, 1.0), 1.0), ((-1.0, -1.0, -1.0), -1.0), ((1.0, -1.0, 0.0), 0.0), ((-1.0, 1.0, 0.0), 0.0)],
    ),
    "logarithms": ([real("a", 1e-6, 1e-2, log=True), real("b", 1e-4, 1.0, log=True)], [((50.0, -1.0), 0.0)]),
    "weights": (weights("a", "b", "c"), [((-1.0, 0.0, 0.0), -0.8), ((0.0, 1.0, -1.0), 0.0)]),
    "whole": ([whole("a", 1, 64), whole("b", 1, 64), whole("c", 1, 64)], [((1.0, 1.0, 1.0), 6.0)]),
    "equation": ([whole("a", 1, 9), whole("b", 1, 9)], [((2.0, 3.0), 30.0), ((-2.0, -3.0), -30.0)]),
    "followers": ([whole("a", 0, 9), real("b")], [((-0.1, 1.0), 0.0), ((0.1, -1.0), 1e-7)]),
    "weights and a whole number": ([*weights("a", "b"), whole("d", 1, 9)], [((10.0, 0.0, 1.0), 10.0)]),
    "point": ([real("a"), real("b")], [((1.0, 1.0), 0.0)]),
}
every_region = pytest.mark.parametrize("name", REGIONS)


def made(name: str) -> Region:
    numbers, rows = REGIONS[name]
    found = region(tuple(numbers), tuple(rows))
    assert found is not None
    return found


def in_box(inside: Region, rng: Generator) -> np.ndarray:
    low, high = np.array([(number.low, number.high) for number in inside.numbers]).T
    drawn = low + rng.random(len(low)) * (high - low)
    return np.where([number.whole for number in inside.numbers], np.round(drawn), drawn)


def assert_inside(inside: Region, x: np.ndarray) -> None:
    largest = np.abs(inside.faces) @ np.array([max(abs(number.low), abs(number.high)) for number in inside.numbers])
    assert (inside.faces @ x - inside.limits <= 1e-14 * largest).all()
    assert all(value == round(value) for value, number in zip(x, inside.numbers, strict=True) if number.whole)
    total = [value for value, number in zip(x, inside.numbers, strict=True) if number.weight]
    assert not total or sum(total) == pytest.approx(1.0, abs=1e-12)


@every_region
def test_no_move_leaves_the_region(name: str, rng: Generator) -> None:
    inside = made(name)
    for _ in range(50):
        x = inside.towards(in_box(inside, rng), rng)
        assert_inside(inside, x)
        for count in (1, 5, 20):
            assert_inside(inside, x := inside.wander(x, count, rng))


@every_region
def test_what_is_inside_is_reached(name: str, rng: Generator) -> None:
    inside = made(name)
    for _ in range(20):
        target = inside.wander(inside.inner, 50, rng)
        np.testing.assert_allclose(inside.towards(target, rng) / inside.scale, target / inside.scale, atol=1e-9)


@pytest.mark.parametrize("name", ["whole", "equation"])
def test_all_points_of_a_lattice_are_reached_and_no_other(name: str) -> None:
    inside, rng = made(name), np.random.default_rng(0)
    sides = [range(int(number.low), min(int(number.high), 9) + 1) for number in inside.numbers]
    lattice = {point for point in product(*sides) if (inside.faces @ np.array(point) <= inside.limits + 1e-9).all()}
    assert {tuple(inside.wander(inside.inner, 8, rng).astype(int).tolist()) for _ in range(600)} == lattice
    assert {
        tuple(inside.towards(np.array(point, dtype=float), rng).astype(int).tolist()) for point in lattice
    } == lattice


def test_a_point_outside_a_plane_goes_to_its_foot() -> None:
    inside, rng = region((real("a"), real("b"), real("c")), (((1.0, 1.0, 0.0), 1.0),)), np.random.default_rng(0)
    assert inside is not None
    np.testing.assert_allclose(inside.towards(np.array([0.9, 0.7, 0.3]), rng), [0.6, 0.4, 0.3], atol=1e-9)


def test_a_whole_number_outside_gives_way_by_as_little_as_it_must() -> None:
    inside = region((whole("a", 1, 9), whole("b", 1, 9)), (((1.0, 1.0), 8.0),))
    assert inside is not None
    for one, other in product(range(1, 10), repeat=2):
        x = inside.towards(np.array([one, other], dtype=float), np.random.default_rng(one))
        assert np.abs(x - [one, other]).sum() == max(one + other - 8, 0)


def test_who_gives_way_is_drawn() -> None:
    inside = region((whole("a", 1, 9), whole("b", 1, 9)), (((1.0, 1.0), 8.0),))
    assert inside is not None
    ends = {tuple(inside.towards(np.array([7.0, 6.0]), np.random.default_rng(seed))) for seed in range(20)}
    assert len(ends) > 1


@pytest.mark.parametrize("name", ["triangle", "weights", "logarithms"])
def test_a_walk_is_as_uniform_as_draws_that_are_kept_where_they_fall_inside(name: str) -> None:
    inside, rng = made(name), np.random.default_rng(3)
    kept = []
    while len(kept) < 600:
        if name == "weights":
            x = rng.dirichlet(np.ones(3))
        else:
            low, high = np.array([(number.low, number.high) for number in inside.numbers]).T
            share = rng.random(len(low))
            x = low * (high / low) ** share if name == "logarithms" else low + share * (high - low)
        if (inside.faces @ x <= inside.limits).all():
            kept.append(x)
    walked = [inside.wander(inside.inner, 40, rng) for _ in range(600)]
    for one, other in zip(np.array(kept).T, np.array(walked).T, strict=True):
        assert stats.ks_2samp(one, other).pvalue > 1e-3


def test_a_thin_slab_is_crossed_along_its_length(rng: Generator) -> None:
    inside = made("slab")
    walked = np.array([inside.wander(inside.inner, 20, rng) for _ in range(300)])
    assert walked[:, 0].min() < 0.1 and walked[:, 0].max() > 0.9


def test_an_empty_region_is_none() -> None:
    assert region((real("a"),), (((1.0,), -1.0),)) is None
    assert region((), (((), -1.0),)) is None
    assert region((), (((), 1.0),)) is not None
