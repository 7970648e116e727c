"""Distributions as dimensions, and values there and back."""

from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search import translate
from search.space import Choice, Fixed, Float, Integer, Simplex, Space

KINDS: list[BaseDistribution] = [
    FloatDistribution(-1.0, 1.0),
    FloatDistribution(1e-7, 1.0, log=True),
    FloatDistribution(-10.2, 10.2, step=0.1),
    FloatDistribution(0.0, 1.0, step=1.0),
    FloatDistribution(2.0, 2.0),
    IntDistribution(-3, 4),
    IntDistribution(-4, 8, step=3),
    IntDistribution(1, 100, log=True),
    CategoricalDistribution(("a", None, 1, 2.5)),
    CategoricalDistribution((True, 0, 3)),  # True == 1, but it is no 1
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_is_drawn_is_in_the_distribution_and_comes_back(kind: BaseDistribution) -> None:
    dimension, rng = translate.dimension("x", kind), np.random.default_rng(0)
    for unit in [0.0, 1.0, *rng.random(50)]:
        ours = dimension.decode(np.array([unit]))
        theirs = translate.outward(dimension, kind, ours)
        assert kind._contains(kind.to_internal_repr(theirs))
        assert type(theirs) in {int, float, str, bool, type(None)}
        assert translate.inward(dimension, kind, theirs) == ours and dimension.mistake(ours) is None


def test_every_step_is_as_likely_as_any_other() -> None:
    kind = IntDistribution(-4, 8, step=3)
    dimension = translate.dimension("x", kind)
    units = (np.arange(1000) + 0.5) / 1000
    drawn = [translate.outward(dimension, kind, dimension.decode(np.array([unit]))) for unit in units]
    assert np.unique(drawn, return_counts=True)[1].tolist() == [200] * 5 and set(drawn) == {-4, -1, 2, 5, 8}


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (FloatDistribution(0, 5), FloatDistribution(3, 9), FloatDistribution(0, 9)),
        (FloatDistribution(1, 5, log=True), FloatDistribution(3, 9, log=True), FloatDistribution(1, 9, log=True)),
        (IntDistribution(20, 30), IntDistribution(0, 10), IntDistribution(0, 30)),
        (IntDistribution(0, 10, step=2), IntDistribution(0, 10, step=2), IntDistribution(0, 10, step=2)),
        (IntDistribution(0, 10, step=2), IntDistribution(1, 10, step=3), IntDistribution(0, 10)),
        (FloatDistribution(0, 1, step=0.5), FloatDistribution(0, 2, step=0.5), FloatDistribution(0, 2)),
        (CategoricalDistribution("ab"), CategoricalDistribution("ab"), CategoricalDistribution("ab")),
    ],
)
def test_a_hull_holds_both(one: BaseDistribution, other: BaseDistribution, both: BaseDistribution) -> None:
    assert translate.hull(one, other) == translate.hull(other, one) == both


SPACE = Space(
    (
        Choice(name="kind", options=("kl", "alpha"), spaces={"alpha": (Float(name="order", low=0.0, high=1.0),)}),
        Integer(name="depth", low=1, high=4, log=True),
        Simplex(name="weights", names=("labels", "teacher")),
        Choice(name="only", options=("one",)),
        Fixed(name="batch", value=32),
    )
)


def test_a_space_of_ours_is_suggested_by_its_names() -> None:
    assert translate.kinds(SPACE) == {
        "kind": CategoricalDistribution(("kl", "alpha")),
        "order": FloatDistribution(0.0, 1.0),
        "depth": IntDistribution(1, 4, log=True),
        "weights.labels": FloatDistribution(0.0, 1.0),
        "weights.teacher": FloatDistribution(0.0, 1.0),
    }


def test_params_come_back_from_what_was_suggested() -> None:
    known, rng = translate.kinds(SPACE), np.random.default_rng(0)
    for _ in range(20):
        params = SPACE.sample(rng)
        suggested = translate.values(SPACE, known, params)
        assert suggested == {name: value for name, value in params.items() if name not in ("only", "batch")}
        assert translate.params(SPACE, known, suggested.__getitem__) == params


@pytest.mark.parametrize(
    "change",
    [{"depth": 9}, {"order": 2.0}, {"weights.labels": 0.9}, {"weights.teacher": ...}, {"order": ...}, {"kind": ...}],
    ids=str,
)
def test_what_is_no_point_has_no_params(change: dict[str, Any]) -> None:
    suggested = {"kind": "alpha", "order": 0.5, "depth": 2, "weights.labels": 0.5, "weights.teacher": 0.5} | change
    suggested = {name: value for name, value in suggested.items() if value is not ...}
    assert translate.params(SPACE, translate.kinds(SPACE), suggested.__getitem__) is None
