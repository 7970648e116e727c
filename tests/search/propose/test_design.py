"""A design over a tree: what has been there after how many points, and that it is one sequence."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from search.propose import sobol
from search.propose._design import design
from search.space import Choice, Float, LinearConstraint, Near, Node, Params, Simplex, Space
from tests.search.propose.worlds import MIXED, REAL, SPACES
from tests.search.space.trees import bounded, constrained, seeds, spaces

DEEP = Space(
    (
        Choice(
            name="model",
            options=("linear", "mlp", "cnn"),
            spaces={
                "mlp": (Choice(name="model.mlp.norm", options=("none", "layer", "batch")),),
                "cnn": (
                    Choice(name="model.cnn.pool", options=("max", "mean")),
                    Choice(
                        name="model.cnn.head",
                        options=("flat", "mixed"),
                        spaces={"mixed": (Simplex(name="model.cnn.head.mixed.shares", names=("a", "b", "c")),)},
                    ),
                ),
            },
            named=True,
        ),
        Choice(name="optimizer", options=("sgd", "adamw", "lion", "muon", "adam")),
        Simplex(name="weights", names=("labels", "teacher", "entropy")),
        Float(name="learning_rate", low=1e-4, high=1.0, log=True),
    )
)
EXPECTED = replace(
    DEEP, nodes=(*DEEP.nodes[:-1], Float(name="learning_rate", low=1e-4, high=1.0, log=True, prior=Near(0.01, 0.2)))
)


def options(space: Space) -> set[tuple[str, str]]:
    """All that can be chosen in a tree."""
    choices = [node for node, _ in space.leaves() if isinstance(node, Choice)]
    return {(choice.name, str(option)) for choice in choices for option in choice.options}


def chosen(space: Space, points: list[Params]) -> set[tuple[str, str]]:
    names = {name for name, _ in options(space)}
    return {(name, str(value)) for params in points for name, value in params.items() if name in names}


def cover(nodes: tuple[Node, ...]) -> int:
    """The fewest points that can cover a tree: each option of the widest choice needs points for what is below it."""
    choices = [node for node in nodes if isinstance(node, Choice)]
    return max((sum(cover(each.spaces.get(o, ())) for o in each.options) for each in choices), default=1)


@bounded
@given(spaces, seeds)
def test_every_option_at_every_depth_is_there_after_the_fewest_points_that_can(space: Space, seed: int) -> None:
    points = design(space, cover(space.nodes), seed=seed)
    assert chosen(space, points) == options(space)
    for params in points:
        assert space.validate(params, where="here") == params


@pytest.mark.parametrize("seed", range(5))
def test_the_options_of_a_choice_are_there_after_as_many_points_as_there_are(seed: int) -> None:
    assert cover(DEEP.nodes) == 6  # linear, three of mlp, two of cnn
    first = design(DEEP, 6, seed=seed)
    assert len({params["model"] for params in first[:3]}) == 3
    assert len({params["optimizer"] for params in first[:5]}) == 5
    assert chosen(DEEP, first) == options(DEEP)


def test_leaves_come_equally_often() -> None:
    points = design(DEEP, 60, seed=0)
    assert Counter(params["model"] for params in points) == {"linear": 10, "mlp": 30, "cnn": 20}
    assert set(Counter(params.get("model.mlp.norm") for params in points).values()) == {10, 30}
    assert set(Counter(params["optimizer"] for params in points).values()) == {12}


def corner(params: Params, name: str) -> str | None:
    return next((key for key, value in params.items() if key.startswith(f"{name}.") and value == 1.0), None)


@pytest.mark.parametrize("seed", range(5))
def test_every_corner_of_weights_is_there_once_and_all_other_weights_are_inside(seed: int) -> None:
    points = design(DEEP, 200, seed=seed)
    for name in ("weights", "model.cnn.head.mixed.shares"):
        having = [params for params in points if f"{name}.{'labels' if name == 'weights' else 'a'}" in params]
        at = [corner(params, name) for params in having]
        assert len({each for each in at[:6] if each}) == 3 and [each is None for each in at].count(False) == 3
        inside = [value for params, each in zip(having, at, strict=True) if not each
                  for key, value in params.items() if key.startswith(f"{name}.")]  # fmt: skip
        assert 0.0 < min(inside) and max(inside) < 1.0
    assert not any(corner(params, "weights") and corner(params, "model.cnn.head.mixed.shares") for params in points)


@pytest.mark.parametrize("name", ["deep", "expected", *SPACES])
def test_it_is_one_sequence_however_it_is_cut(name: str) -> None:
    space = {"deep": DEEP, "expected": EXPECTED, **SPACES}[name]
    whole = design(space, 20, seed=3)
    for skip in (0, 1, 2, 7):
        assert design(space, 5, seed=3, skip=skip) == whole[skip : skip + 5]
    assert design(space, 0, seed=3) == []
    assert design(space, 20, seed=4) != whole


def test_numbers_are_those_of_the_sobol_sequence() -> None:
    assert design(REAL, 16, seed=5) == sobol.propose(REAL, [], 16, seed=5, reference=np.ones(2))
    ours = design(MIXED, 16, seed=5)
    theirs = sobol.propose(MIXED, [], 16, seed=5, reference=np.ones(2))
    for name in ("learning_rate", "depth"):
        assert [params[name] for params in ours] == [params[name] for params in theirs]


@pytest.mark.parametrize("seed", range(3))
def test_more_is_covered_than_by_the_sobol_sequence_alone(seed: int) -> None:
    plain = sobol.propose(DEEP, [], 6, seed=seed, reference=np.ones(2))
    assert len(chosen(DEEP, design(DEEP, 6, seed=seed))) > len(chosen(DEEP, plain))


@bounded
@given(constrained(), seeds)
def test_constraints_hold(made: tuple[Space, Params], seed: int) -> None:
    space, _ = made
    for params in design(space, 8, seed=seed):
        assert space.validate(params, where="here") == params


def test_with_priors_every_second_point_is_drawn_from_them_and_the_others_stay() -> None:
    points = design(EXPECTED, 80, seed=1)
    assert points[::2] == design(DEEP, 40, seed=1)
    rates = np.log10([params["learning_rate"] for params in points[1::2]])
    assert abs(rates.mean() + 2.0) < 0.1 and rates.std() < 0.2  # 0.2 in the natural logarithm is 0.09


def test_a_corner_that_a_constraint_cuts_off_is_a_point_at_the_cut() -> None:
    kept = Space((DEEP.nodes[2],), (LinearConstraint("weights.labels >= 0.2", (("weights.labels", -1.0),), -0.2),))
    points = design(kept, 6, seed=0)
    sides = [
        params for params in points if params["weights.labels"] == pytest.approx(0.2) or params["weights.labels"] == 1
    ]
    assert len(sides) >= 3 and all(map(kept.feasible, points))
