"""Crossover: what a child has is from its parents, its branches are whole, and it is a point of the space."""

import numpy as np
import pytest

from search.space import Choice, Float, Space
from search.space.cross import cross
from tests.search.propose.worlds import KEPT, MIXED, REAL, SPACES

NESTED = Space(
    (
        Choice(
            name="loss",
            options=("plain", "rich"),
            spaces={
                "rich": (
                    Choice(
                        name="loss.rich.kind",
                        options=("a", "b"),
                        spaces={
                            "a": (Float(name="loss.rich.kind.a.x", low=0.0, high=1.0),),
                            "b": (Float(name="loss.rich.kind.b.x", low=0.0, high=1.0),),
                        },
                        named=True,
                    ),
                )
            },
            named=True,
        ),
    )
)


@pytest.mark.parametrize("space", [*SPACES.values(), NESTED], ids=[*SPACES, "nested"])
def test_a_child_is_a_point_of_the_space(space: Space) -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        child = cross(space, space.sample(rng), space.sample(rng), rng)
        assert space.validate(child, where="child") == child


@pytest.mark.parametrize("space", [MIXED, REAL, NESTED])
def test_a_child_of_equal_parents_is_their_equal(space: Space) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        params = space.sample(rng)
        assert cross(space, params, dict(params), rng) == params


@pytest.mark.parametrize("space", [MIXED, NESTED])
def test_without_blending_every_value_is_a_parents_and_weights_are_whole(space: Space) -> None:
    rng, givers = np.random.default_rng(0), []
    for _ in range(300):
        parents = [space.active(space.sample(rng)) for _ in range(2)]
        pair = [space.walk(lambda d, each=each: each[d.name]) for each in parents]
        child = space.active(cross(space, *pair, rng, blend=0.0))
        for name, value in child.items():
            found = [name in parent and parent[name] == value for parent in parents]
            assert any(found), name
            givers += [found[0]] if sum(found) == 1 and all(name in parent for parent in parents) else []
    assert np.mean(givers) == pytest.approx(0.5, abs=0.06)


def test_a_branch_comes_whole_from_who_gave_the_option() -> None:
    rng = np.random.default_rng(0)
    rich = {"loss": "rich", "loss.rich.kind": "b", "loss.rich.kind.b.x": 0.3}
    children = [cross(NESTED, {"loss": "plain"}, rich, rng) for _ in range(100)]
    assert all(child in ({"loss": "plain"}, rich) for child in children)
    assert 30 < sum(child == rich for child in children) < 70


def test_a_blend_reaches_half_the_distance_beyond_both_parents() -> None:
    rng = np.random.default_rng(0)
    first, second = dict.fromkeys(REAL.columns, 0.4), dict.fromkeys(REAL.columns, 0.6)
    values = np.array([list(cross(REAL, first, second, rng, blend=1.0).values()) for _ in range(1000)])
    assert 0.3 <= values.min() < 0.305 and 0.695 < values.max() <= 0.7
    assert values.mean() == pytest.approx(0.5, abs=0.01)
    assert values.std() == pytest.approx(0.4 / 12**0.5, rel=0.05)  # the parents': 0.1


def test_blended_weights_are_on_the_line_of_the_parents_and_cut_where_it_leaves_the_simplex() -> None:
    rng, names = np.random.default_rng(0), [f"weights.{name}" for name in ("labels", "teacher", "entropy")]

    def children(*ends: tuple[float, ...]) -> np.ndarray:
        parents = [MIXED.usual | dict(zip(names, end, strict=True)) for end in ends]
        several = [cross(MIXED, *parents, rng, blend=1.0) for _ in range(200)]
        return np.array([[child[name] for name in names] for child in several])

    inner = children((0.2, 0.5, 0.3), (0.6, 0.3, 0.1))
    share = (inner[:, 0] - 0.2) / 0.4
    np.testing.assert_allclose(inner, np.array([0.2, 0.5, 0.3]) + share[:, None] * np.array([0.4, -0.2, -0.2]))
    assert -0.5 <= share.min() < -0.45 and 1.45 < share.max() <= 1.5
    face = children((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    assert not face[:, 2].any() and face.min() == 0.0 and 0.3 < np.mean((face[:, 0] > 0.0) & (face[:, 1] > 0.0)) < 0.7


def test_constraints_that_neither_parent_breaks_are_kept() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        assert KEPT.feasible(cross(KEPT, KEPT.sample(rng), KEPT.sample(rng), rng, blend=1.0))
