"""The tree, its unit cube and its features, over random trees."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from search.errors import StudyError
from search.space import INACTIVE, Choice, Fixed, Float, Integer, LinearConstraint, Near, Simplex, Space
from tests.search.space.trees import LABELS, bounded, seeds, spaces


def assert_same_point(space: Space, found: dict, expected: dict, *, rel: float = 1e-9) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        if isinstance(value, float):
            assert math.isclose(found[name], value, rel_tol=rel, abs_tol=1e-9), (name, found[name], value)
        else:
            assert found[name] == value and type(found[name]) is type(value), name


def nested() -> Space:
    alpha = (Float(name="divergence.alpha.order", low=-1.0, high=2.0),)
    deep = (
        Choice(
            name="model.cnn.pool",
            options=("max", "mean"),
            spaces={"max": (Integer(name="model.cnn.pool.max.size", low=2, high=4),)},
            named=True,
        ),
    )
    return Space(
        (
            Float(name="learning_rate", low=1e-4, high=1.0, log=True),
            Choice(name="divergence", options=("forward_kl", "alpha"), spaces={"alpha": alpha}, named=True),
            Choice(name="model", options=("mlp", "cnn"), spaces={"cnn": deep}, named=True),
            Simplex(name="weights", names=("labels", "teacher", "entropy")),
            Choice(name="activation", options=("relu", "gelu")),
            Integer(name="depth", low=1, high=4),
            Fixed(name="temperature", value=2.0),
        )
    )


@bounded
@given(spaces, seeds)
def test_params_survive_the_unit_cube(space: Space, seed: int) -> None:
    params = space.sample(np.random.default_rng(seed))
    unit = space.encode(params)
    assert unit.shape == (space.width,) and ((unit >= 0) & (unit <= 1)).all()
    assert_same_point(space, space.decode(unit), params)


@bounded
@given(spaces, seeds)
def test_any_unit_vector_is_a_point_that_survives(space: Space, seed: int) -> None:
    rng = np.random.default_rng(seed)
    unit = rng.random(space.width)
    corners = rng.random(space.width) < 0.3
    unit[corners] = rng.integers(0, 2, corners.sum())
    params = space.decode(unit)
    assert_same_point(space, space.validate(params, where="here"), params)
    assert_same_point(space, space.decode(space.encode(params)), params)
    assert space.key(space.decode(space.encode(params))) == space.key(params)


@bounded
@given(spaces, seeds)
def test_inactive_columns_never_matter(space: Space, seed: int) -> None:
    rng = np.random.default_rng(seed)
    unit = rng.random(space.width)
    params = space.decode(unit)
    inactive = [space.columns[d.name] for d in space.dimensions if d.name not in space.active(params)]
    assert all((space.encode(params)[columns] == INACTIVE).all() for columns in inactive)
    moved = unit.copy()
    for columns in inactive:
        moved[columns] = rng.random(columns.stop - columns.start)
    assert space.decode(moved) == params
    assert space.key(space.decode(moved)) == space.key(params)
    np.testing.assert_array_equal(space.features(space.decode(moved)), space.features(params))


@bounded
@given(spaces, seeds, st.sampled_from([0.001, 0.1, 1.0]))
def test_a_mutation_is_another_valid_point(space: Space, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    params = space.sample(rng)
    moved = space.mutate(params, rng, scale=scale)
    space.validate(moved, where="here")
    assert (moved == params) == (not space.dimensions or not space.active(params))


@bounded
@given(spaces, seeds)
def test_a_key_is_a_point(space: Space, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = [space.sample(rng) for _ in range(5)]
    for params in list(points):
        points += [space.mutate(params, rng), dict(params)]
    for one in points:
        for other in points:
            assert (space.key(one) == space.key(other)) == (one == other)


@bounded
@given(spaces, seeds)
def test_features_are_as_many_everywhere_and_between_zero_and_one(space: Space, seed: int) -> None:
    rng = np.random.default_rng(seed)
    several = np.stack([space.features(space.sample(rng)) for _ in range(5)])
    assert several.shape[0] == 5 and ((several >= 0) & (several <= 1)).all()


@bounded
@given(spaces, seeds)
def test_nested_params_hold_every_value_once(space: Space, seed: int) -> None:
    params = space.sample(np.random.default_rng(seed))

    def count(tree: dict) -> int:
        return sum(count(value) if isinstance(value, dict) else 1 for value in tree.values())

    assert count(space.nest(params)) == len(params)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_weights_are_uniform_on_their_simplex(k: int) -> None:
    space = Space((Simplex(name="weights", names=LABELS[:k]),))
    rng = np.random.default_rng(2)
    drawn = np.array([list(space.sample(rng).values()) for _ in range(4_000)])
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0, atol=1e-12)
    for weight in drawn.T:  # each is Beta(1, k - 1) under Dirichlet(1, ..., 1)
        assert stats.kstest(weight, stats.beta(1, k - 1).cdf).pvalue > 1e-3
    covariance = (np.eye(k) / k - 1 / k**2) / (k + 1)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.01)


def test_weights_next_to_a_corner_are_told_apart_and_survive() -> None:
    space = Space((Simplex(name="weights", names=LABELS),))
    keys = set()
    for rest in (1e-3, 1e-4, 1e-6):
        weights = (1.0 - rest, rest, 0.0, 0.0, 0.0, 0.0)
        params = {f"weights.{name}": weight for name, weight in zip(LABELS, weights, strict=True)}
        np.testing.assert_allclose(list(space.decode(space.encode(params)).values()), weights, rtol=1e-9)
        keys.add(space.key(params))
    assert len(keys) == 3


def test_a_small_mutation_stays_near() -> None:
    space = Space((Float(name="x", low=0.0, high=1.0), Simplex(name="w", names=LABELS[:3])))
    rng = np.random.default_rng(0)
    params = space.sample(rng)
    steps = [
        np.abs(space.features(space.mutate(params, rng, scale=0.01)) - space.features(params)).max() for _ in range(200)
    ]
    assert max(steps) < 0.06


def test_a_branch_that_a_mutation_enters_is_filled_and_one_that_it_leaves_is_gone() -> None:
    space, rng = nested(), np.random.default_rng(0)
    params = space.sample(rng)
    seen = set()
    for _ in range(200):
        params = space.mutate(params, rng)
        seen.add((params["divergence"], "divergence.alpha.order" in params))
        seen.add((params["model"], "model.cnn.pool" in params))
    assert seen == {("alpha", True), ("forward_kl", False), ("cnn", True), ("mlp", False)}


def expected() -> Space:
    """The tree of ``nested``, with what is expected of some of it."""
    nodes = {node.name: node for node in nested().nodes}
    inner = replace(nodes["divergence"].spaces["alpha"][0], prior=Near(0.5, 0.2))
    nodes["divergence"] = replace(nodes["divergence"], spaces={"alpha": (inner,)}, prior=(0.1, 0.9))
    nodes["learning_rate"] = replace(nodes["learning_rate"], prior=Near(0.01, math.log(2.0)))
    nodes["weights"] = replace(nodes["weights"], prior=(9.0, 1.0, 1.0))
    return Space(tuple(nodes.values()))


def test_a_prior_is_that_of_the_active_dimensions() -> None:
    space, rng = expected(), np.random.default_rng(0)
    for _ in range(20):
        params = space.sample(rng)
        active = space.active(params)
        parts = {d.name: d.log_prior(active[d.name]) for d in space.dimensions if d.name in active}
        assert space.log_prior(params) == pytest.approx(sum(parts.values()))
        assert ("divergence.alpha.order" in parts) == (params["divergence"] == "alpha")
    assert nested().log_prior(nested().sample(rng)) == 0.0


def test_samples_of_the_prior_are_where_it_says() -> None:
    space, rng = expected(), np.random.default_rng(1)
    drawn = [space.sample_prior(rng) for _ in range(400)]
    assert all(space.validate(params, where="here") == params for params in drawn)
    assert 330 < sum(params["divergence"] == "alpha" for params in drawn) < 390
    rates = np.log([params["learning_rate"] for params in drawn])
    assert abs(rates.mean() - math.log(0.01)) < 0.15 and abs(rates.std() - math.log(2.0)) < 0.1
    assert np.mean([params["weights.labels"] for params in drawn]) == pytest.approx(9 / 11, abs=0.03)
    uniform = [space.log_prior(space.sample(rng)) for _ in range(400)]
    assert np.mean([space.log_prior(params) for params in drawn]) > np.mean(uniform) + 3.0


def test_samples_of_the_prior_keep_constraints() -> None:
    against = LinearConstraint("weights.labels <= 0.1", (("weights.labels", 1.0),), 0.1)
    order = LinearConstraint("divergence.alpha.order <= 0.5", (("divergence.alpha.order", 1.0),), 0.5)
    space, rng = replace(expected(), constraints=(against, order)), np.random.default_rng(2)
    drawn = [space.sample_prior(rng) for _ in range(200)]
    assert all(map(space.feasible, drawn))
    orders = [params["divergence.alpha.order"] for params in drawn if params["divergence"] == "alpha"]
    assert np.mean(orders) > 0.2  # half of a normal about 0.5, where uniform orders would be about -0.25


def test_size_counts_points() -> None:
    inner = (Integer(name="c.a.i", low=1, high=3), Choice(name="c.a.j", options=("x", "y")))
    space = Space(
        (
            Choice(name="c", options=("a", "b"), spaces={"a": inner}),
            Choice(name="d", options=(1, 2)),
            Fixed(name="e", value=0),
        )
    )
    assert space.size() == (3 * 2 + 1) * 2
    rng = np.random.default_rng(0)
    assert len({space.key(space.sample(rng)) for _ in range(500)}) == 14
    assert Space((Float(name="x", low=0, high=1),)).size() == math.inf
    assert Space((Simplex(name="w", names=("a", "b")),)).size() == math.inf


def test_a_name_under_several_options_is_one_dimension() -> None:
    width = Float(name="width", low=1.0, high=3.0)
    layers = Choice(name="layers", options=(1, 2, 3), spaces={2: (width,), 3: (width,)})
    space = Space((layers,))
    assert [dimension.name for dimension in space.dimensions] == ["layers", "width"]
    assert space.decode(np.array([0.9, 0.25])) == {"layers": 3, "width": 1.5}
    assert space.encode({"layers": 2, "width": 1.5}).tolist() == [0.5, 0.25]
    assert space.features({"layers": 2, "width": 1.5}).tolist() == [0.0, 1.0, 0.0, 0.25]


def test_leaves_say_under_which_condition_they_are() -> None:
    conditions = {node.name: condition for node, condition in nested().leaves()}
    assert conditions["learning_rate"] == ""
    assert conditions["divergence.alpha.order"] == "divergence = alpha"
    assert conditions["model.cnn.pool.max.size"] == "model.cnn.pool = max"


def test_nest_gives_a_trainer_what_it_reads() -> None:
    params = {
        "learning_rate": 0.1, "divergence": "alpha", "divergence.alpha.order": 0.5, "model": "cnn",
        "model.cnn.pool": "max", "model.cnn.pool.max.size": 2, "weights.labels": 0.2, "weights.teacher": 0.3,
        "weights.entropy": 0.5, "activation": "relu", "depth": 2, "temperature": 2.0,
    }  # fmt: skip
    assert nested().validate(params, where="here") == params
    assert nested().nest(params) == {
        "learning_rate": 0.1,
        "divergence": {"name": "alpha", "order": 0.5},
        "model": {"name": "cnn", "pool": {"name": "max", "size": 2}},
        "weights": {"labels": 0.2, "teacher": 0.3, "entropy": 0.5},
        "activation": "relu",
        "depth": 2,
        "temperature": 2.0,
    }


def valid() -> dict:
    return nested().decode(np.full(nested().width, 0.4))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"learning_rate": 2.0}, r"trial 3 learning_rate: expected a number in \[0\.0001, 1\] log, got 2\.0\."),
        ({"learning_rate": "fast"}, r"trial 3 learning_rate: expected a number in .* got 'fast'\."),
        ({"learning_rate": float("nan")}, r"trial 3 learning_rate: expected a number in .* got nan\."),
        ({"learning_rate": True}, r"trial 3 learning_rate: expected a number in .* got True\."),
        ({"depth": 5}, r"trial 3 depth: expected a whole number in 1\.\.4, got 5\."),
        ({"depth": 2.0}, r"trial 3 depth: expected a whole number in 1\.\.4, got 2\.0\."),
        ({"activation": "glu"}, r"trial 3 activation: expected one of relu, gelu, got 'glu'\."),
        ({"activation": 1}, r"trial 3 activation: expected one of relu, gelu, got 1\."),
        (
            {"weights.labels": 0.9},
            r"trial 3 weights: expected weights that sum to one: labels \+ teacher \+ entropy = 1, got",
        ),
        ({"weights.labels": "much"}, r"trial 3 weights: expected weights that sum to one: .*, got"),
        ({"depht": 3}, r"trial 3: expected one of .*, got 'depht'\. Did you mean 'depth'\?"),
        ({"divergence.alpha.order": 0.5}, r"trial 3: expected one of .*, got 'divergence\.alpha\.order'\."),
        ({"temperature": 3.0}, r"trial 3 temperature: expected 2\.0, which is fixed, got 3\.0\."),
        ({"divergence": "alpha"}, r"trial 3: expected a value for divergence\.alpha\.order \(\[-1, 2\]\)\."),
    ],
)
def test_validate_names_the_first_thing_that_is_wrong(change: dict, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        nested().validate(valid() | change, where="trial 3")


def test_validate_asks_for_what_is_missing() -> None:
    params = valid()
    del params["weights.teacher"]
    with pytest.raises(
        StudyError, match=r"trial 3: expected a value for weights \(labels \+ teacher \+ entropy = 1\)\."
    ):
        nested().validate(params, where="trial 3")


def test_validate_puts_params_in_the_order_of_the_tree() -> None:
    params = valid()
    assert list(nested().validate(dict(reversed(params.items())), where="here")) == list(params)
