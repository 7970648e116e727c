"""Points that keep the constraints: all that a space makes, over random trees and over spaces with little room."""

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from search import grammar
from search.errors import StudyError
from search.space import Choice, Float, Integer, Params, Simplex, Space, feasible
from tests.search.space.trees import bounded, constrained, seeds


def of(table: dict, *constraints: str) -> Space:
    return grammar.read(table, {}, origin="trainers.mine", file="a.toml", constraints=constraints)


def whole(low: int, high: int) -> dict:
    return {"low": low, "high": high, "integer": True}


UNIT = {"low": 0.0, "high": 1.0}
RATE = {"low": 1e-4, "high": 1.0, "log": True}
SPACES = {
    "mixed": of(
        {"encoder": whole(1, 8), "decoder": whole(1, 8), "rate": RATE, "mix": UNIT},
        "encoder + decoder <= 8", "rate + mix <= 1", "2 * mix - 0.1 * encoder >= -0.5",
    ),
    "conditional": of(
        {
            "divergence": {"choice": {"kl": {}, "alpha": {"order": {"low": -1, "high": 2}}}},
            "temperature": {"low": 1, "high": 8, "log": True},
            "model": {"choice": {
                "mlp": {"width": whole(8, 64), "depth": whole(1, 6)},
                "cnn": {"width": whole(8, 67), "heads": [2, 4, 8], "bias": 3},
            }},
        },
        "divergence.alpha.order + 0.1 * temperature <= -0.5", "model.mlp.width + 8 * model.mlp.depth <= 40",
        "model.cnn.width - 8 * model.cnn.heads >= model.cnn.bias",
    ),
    "simplex": of(
        {"weights": {"simplex": ["labels", "teacher", "entropy"]}, "depth": whole(1, 4)},
        "weights.labels >= 0.2", "weights.entropy <= weights.teacher", "depth - 4 * weights.labels <= 2",
    ),
    "thin": of(
        {"a": UNIT, "b": UNIT, "rate": RATE, "weights": {"simplex": ["x", "y", "z"]}},
        "a - b <= 0.00001", "b - a <= 0.00001", "rate + weights.x <= 0.05", "weights.y <= weights.z",
        "weights.y >= weights.z",
    ),
    "lattice": of(
        {"a": whole(1, 64), "b": whole(1, 64), "c": whole(1, 64), "x": UNIT},
        "a + b + c <= 8", "a + b + c >= 8", "x >= 0.01 * a", "x <= 0.001 + 0.01 * a",
    ),
}  # fmt: skip
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def broken(space: Space, params: Params) -> list[str]:
    """The constraints by their definition, without the code under test; by more than rounding."""
    largest = {name: max(abs(number.low), abs(number.high)) for name, number in space.numbers.items()}
    found = []
    for constraint in space.constraints:
        if all(name in params for name, _ in constraint.coefficients):
            terms = [coefficient * params[name] for name, coefficient in constraint.coefficients]
            grain = 1e-14 * sum(
                abs(coefficient) * largest.get(name, 0.0) for name, coefficient in constraint.coefficients
            )
            if sum(terms) > constraint.bound + max(1e-9 * (sum(map(abs, terms)) + abs(constraint.bound)), grain):
                found.append(constraint.text)
    return found


@bounded
@given(constrained(), seeds)
def test_whatever_a_space_makes_is_valid_and_keeps_its_constraints(made: tuple[Space, Params], seed: int) -> None:
    (space, params), rng = made, np.random.default_rng(seed)
    for _ in range(4):
        drawn = space.sample(rng)
        outside = Space(space.nodes).sample(rng)
        made_of_it = [space.mutate(drawn, rng), space.decode(space.encode(drawn)), space.mutate(params, rng)]
        mended = [space.repaired(outside, rng), space.mutate(outside, rng), space.decode(rng.random(space.width))]
        for each in (drawn, *made_of_it, *mended):
            assert broken(space, each) == []
            assert space.validate(each, where="here") == each


@bounded
@given(constrained(), seeds)
def test_what_is_feasible_stays_as_it_is(made: tuple[Space, Params], seed: int) -> None:
    space, params = made
    assert space.feasible(params) and not broken(space, params)
    assert space.repaired(params, np.random.default_rng(seed)) is params


@every_space
def test_params_survive_the_unit_cube(space: Space, rng: np.random.Generator) -> None:
    for _ in range(50):
        params = space.sample(rng)
        assert space.key(space.decode(space.encode(params))) == space.key(params)


@every_space
def test_a_decoded_point_depends_on_nothing_but_itself(space: Space, rng: np.random.Generator) -> None:
    units = rng.random((30, space.width))
    first = [space.decode(unit) for unit in units]
    assert [space.decode(unit) for unit in reversed(units)][::-1] == first


@every_space
def test_a_mutation_is_another_point(space: Space, rng: np.random.Generator) -> None:
    params, same = space.sample(rng), 0
    for _ in range(200):
        moved = space.mutate(params, rng)
        same, params = same + (moved == params), moved
    assert same < 20


def test_a_repair_leaves_alone_what_has_no_part_in_it(rng: np.random.Generator) -> None:
    space = SPACES["mixed"]
    params = {"encoder": 8, "decoder": 5, "rate": 0.1, "mix": 0.7}
    mended = space.repaired(params, rng)
    assert mended["encoder"] + mended["decoder"] == 8
    assert {**mended, "encoder": 8, "decoder": 5} == pytest.approx(params, rel=1e-9)


def test_every_option_stays_as_likely_as_any_other_however_little_room_it_leaves() -> None:
    space, rng = SPACES["conditional"], np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(600)]
    for name, options in (("divergence", 2), ("model", 2)):
        counts = np.unique([params[name] for params in drawn], return_counts=True)[1]
        assert len(counts) == options and stats.chisquare(counts).pvalue > 1e-3


def test_a_thin_set_is_drawn_over_its_whole_length() -> None:
    space, rng = SPACES["thin"], np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(200)]
    assert np.ptp([params["a"] for params in drawn]) > 0.9
    assert np.ptp([np.log10(params["rate"]) for params in drawn]) > 2.0


def test_where_choices_leave_no_room_others_are_made() -> None:
    space = of(
        {"model": {"choice": {"mlp": {"width": whole(8, 64)}, "cnn": {"width": whole(8, 64)}}}, "heads": [1, 4, 16]},
        "model.mlp.width <= 4", "model.cnn.width >= 8 * heads",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(60)] + [space.decode(rng.random(space.width)) for _ in range(60)]
    assert {(params["model"], params["heads"]) for params in drawn} == {("cnn", 1), ("cnn", 4)}
    mended = space.repaired({"model": "mlp", "model.mlp.width": 9, "heads": 4}, rng)
    assert (mended["model"], mended["heads"]) == ("cnn", 4)  # the fewest choices are changed


def test_every_point_of_a_finite_space_is_listed_once() -> None:
    space = of({"a": whole(1, 4), "b": whole(1, 4), "model": {"choice": {"x": {}, "y": {"c": [1, 2]}}}}, "a + b <= 4")
    listed = list(space.every())
    assert len({space.key(params) for params in listed}) == len(listed) == 6 * 3
    rng = np.random.default_rng(0)
    assert {space.key(space.sample(rng)) for _ in range(600)} == {space.key(params) for params in listed}
    assert all(space.validate(params, where="here") == params for params in listed)


def test_of_constraints_that_leave_nothing_only_those_in_conflict_are_named() -> None:
    space = SPACES["mixed"]
    texts = ["rate <= 0.5", "encoder + decoder <= 8", "encoder >= 6", "mix <= 0.5", "decoder >= 5"]
    with pytest.raises(
        StudyError, match=r"^a\.toml parameter_constraints: expected constraints that leave some point"
    ) as raised:
        of(
            {
                node.name: {"low": node.low, "high": node.high, "integer": isinstance(node, Integer)}
                for node in space.nodes
            },
            *texts,
        )
    assert "'encoder + decoder <= 8', 'encoder >= 6', 'decoder >= 5'" in str(raised.value)
    assert "rate" not in str(raised.value) and "mix" not in str(raised.value)


def test_a_space_made_by_hand_that_is_empty_says_so_when_it_is_drawn_from() -> None:
    made = of({"a": UNIT}, "a <= 0.5").constraints
    empty = Space((Float(name="a", low=0.6, high=1.0),), made)
    with pytest.raises(
        StudyError, match=r"^parameter_constraints: expected constraints that leave some point, got \['a <= 0.5'\]"
    ):
        empty.sample(np.random.default_rng(0))


def test_constraints_that_depend_on_choices_may_leave_nothing() -> None:
    table = {"heads": [8, 16], "width": whole(8, 64)}
    with pytest.raises(StudyError, match=r"expected constraints that leave some point, got \['width >= 16 \* heads'\]"):
        of(table, "width >= 16 * heads")
    assert of(table, "width >= 8 * heads").sample(np.random.default_rng(0))["heads"] == 8


def test_names_that_exclude_each_other_are_told_apart() -> None:
    space = SPACES["conditional"]
    above = feasible.conditions(space)
    assert above["model.cnn.width"] == {"model": "cnn"} and above["temperature"] == {}


def test_validate_names_the_constraint_that_is_broken() -> None:
    params = {"encoder": 8, "decoder": 5, "rate": 0.1, "mix": 0.7}
    message = r"^trial 3: expected encoder \+ decoder <= 8, got \{'encoder': 8, 'decoder': 5\}\."
    with pytest.raises(StudyError, match=message):
        SPACES["mixed"].validate(params, where="trial 3")


def test_a_budget_over_many_choices_between_numbers_is_kept_and_used() -> None:
    names = [f"width{layer}" for layer in range(10)]
    space = of({name: [1, 2, 4, 8] for name in names}, f"{' + '.join(names)} <= 12")  # 36 to 40 by chance
    rng = np.random.default_rng(0)
    made = [space.sample(rng) for _ in range(60)] + [space.decode(rng.random(10)) for _ in range(60)]
    assert {sum(params.values()) for params in made} <= {10, 11, 12}
    assert {name for params in made for name, value in params.items() if value > 1} == set(names)
    mended = space.repaired(dict.fromkeys(names, 1) | {"width0": 8}, rng)
    assert mended | {"width0": 8} == dict.fromkeys(names, 1) | {"width0": 8}  # the fewest choices are changed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"), [(name, 5_000 if name in ("thin", "lattice") else 30_000) for name in SPACES]
)
def test_of_a_hundred_thousand_points_none_breaks_a_constraint(name: str, count: int) -> None:
    space, rng = SPACES[name], np.random.default_rng(1)
    for _ in range(count):
        params = space.sample(rng)
        assert not broken(space, params) and space.feasible(params)


def test_the_kinds_of_numbers_are_all_in_the_spaces_of_this_file() -> None:
    kinds = {type(node) for space in SPACES.values() for node, _ in space.leaves()}
    assert {Float, Integer, Choice, Simplex} <= kinds
