"""Trees that are told from trials: known ones, random ones, and what no tree holds."""

import itertools
from typing import Any

import numpy as np
import pytest

from search.space import Choice, Dimension, Float, Integer, Node, Params, Space
from search.tree import MOST, infer


def number(name: str) -> Float:
    return Float(name=name, low=0.0, high=1.0)


def choice(name: str, k: int = 2) -> Choice:
    return Choice(name=name, options=tuple(range(k)))


def conditions(space: Space) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node, condition in space.leaves():
        found.setdefault(node.name, set()).add(condition)
    return found


def test_what_every_trial_has_is_flat_and_in_the_order_that_is_given() -> None:
    dimensions = [number("b"), choice("a"), Integer(name="c", low=1, high=3)]
    assert infer(dimensions, [{"a": 0, "b": 0.5, "c": 1}, {"a": 1, "b": 0.1, "c": 3}]) == Space(tuple(dimensions))
    assert infer(dimensions, []) == Space(tuple(dimensions))


def test_layers_bring_their_widths() -> None:
    dimensions = [Integer(name="layers", low=1, high=3), *(number(f"width{i}") for i in range(3))]
    seen = [{"layers": k, **{f"width{i}": 0.5 for i in range(k)}} for k in (1, 3, 2)]
    space = infer(dimensions, seen)
    assert conditions(space) == {
        "layers": {""}, "width0": {""}, "width1": {"layers = 2", "layers = 3"}, "width2": {"layers = 3"},
    }  # fmt: skip
    assert space.width == 4


def test_an_option_that_was_not_seen_brings_nothing() -> None:
    space = infer([choice("kind", 3), number("order")], [{"kind": 0}, {"kind": 1, "order": 0.5}])
    assert conditions(space) == {"kind": {""}, "order": {"kind = 1"}}


def test_branches_nest() -> None:
    dimensions = [choice("model"), choice("pool"), number("size"), number("depth")]
    seen = [
        {"model": 0, "depth": 0.1}, {"model": 1, "pool": 0}, {"model": 1, "pool": 1, "size": 0.2},
        {"model": 1, "pool": 1, "size": 0.3}, {"model": 0, "depth": 0.4},
    ]  # fmt: skip
    assert conditions(infer(dimensions, seen)) == {
        "model": {""}, "pool": {"model = 1"}, "size": {"pool = 1"}, "depth": {"model = 0"},
    }  # fmt: skip


def test_a_coincidence_is_contradicted_by_later_trials() -> None:
    dimensions = [choice("aside"), choice("kind"), number("order")]
    seen: list[Params] = [{"aside": 0, "kind": 0}, {"aside": 1, "kind": 1, "order": 0.5}]
    assert conditions(infer(dimensions, seen))["order"] == {"aside = 1"}
    seen += [{"aside": 1, "kind": 0}]
    assert conditions(infer(dimensions, seen))["order"] == {"kind = 1"}


def test_of_several_that_would_do_the_one_of_fewest_values_decides() -> None:
    dimensions = [Integer(name="batch", low=1, high=9), choice("kind"), number("order")]
    seen = [{"batch": 3 + i, "kind": i % 2, **({"order": 0.5} if i % 2 else {})} for i in range(6)]
    assert conditions(infer(dimensions, seen))["order"] == {"kind = 1"}


@pytest.mark.parametrize("decider", [number("x"), Integer(name="x", low=1, high=MOST + 1)])
def test_what_nothing_explains_is_left_out(decider: Dimension) -> None:
    seen: list[Params] = [{"x": 1, "kind": 0}, {"x": 1, "kind": 0, "order": 0.5}, {"x": 2, "kind": 1, "order": 0.1}]
    assert conditions(infer([decider, choice("kind"), number("order")], seen)) == {"x": {""}, "kind": {""}}
    assert conditions(infer([decider, number("order")], [{"x": 1}, {"x": 2, "order": 0.5}])) == {"x": {""}}


def tree(rng: np.random.Generator, depth: int, names: Any) -> tuple[Node, ...]:
    """A random tree of numbers and choices, every name once."""
    made: list[Node] = [number(next(names))]
    for _ in range(int(rng.integers(0, 3)) if depth else 0):
        options = tuple(range(int(rng.integers(2, 4))))
        spaces = {option: tree(rng, depth - 1, names) for option in options if rng.random() < 0.5}
        made.append(Choice(name=next(names), options=options, spaces=spaces))
    return tuple(made)


@pytest.mark.parametrize("seed", range(20))
def test_a_tree_is_found_from_samples_of_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = Space(tree(rng, 2, (f"p{i}" for i in itertools.count())))
    flat = [Choice(name=d.name, options=d.options) if isinstance(d, Choice) else d for d in truth.dimensions]
    found = infer(flat, [truth.sample(rng) for _ in range(300)])
    assert conditions(found) == conditions(truth)
    for _ in range(50):
        params = truth.sample(rng)
        assert found.validate(params, where="here").keys() == params.keys()
