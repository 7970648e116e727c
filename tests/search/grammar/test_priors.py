"""The grammar of priors: what each says, and every mistake by name."""

import math
from typing import Any

import pytest

from search import grammar
from search.errors import StudyError
from search.space import Near

RATE = {"low": 1e-4, "high": 1, "log": True}
UNIT = {"low": 0, "high": 1}
DEPTH = {"low": 1, "high": 8, "integer": True}
DECLARED = {
    "rate": {**RATE, "default": 0.1},
    "weights": {"simplex": ["a", "b"], "default": {"a": 0.5, "b": 0.5}},
    "activation": {"choice": ["relu", "gelu"], "default": "relu"},
    "optimizer": {"choice": "all", "default": "sgd"},
}


def prior(entry: Any, declared: Any = None) -> Any:
    space = grammar.read({"x": entry}, {"x": declared} if declared else {}, origin="trainers.mine", file="a.toml")
    return space.nodes[0].prior


def test_a_logarithmic_number_is_near_its_center_within_a_factor() -> None:
    assert prior({**RATE, "prior": {"center": 3e-3, "factor": 3}}) == Near(3e-3, math.log(3))
    assert prior({**DEPTH, "log": True, "prior": {"center": 4, "factor": 2}}) == Near(4.0, math.log(2))


def test_any_other_number_is_near_its_center_within_a_spread() -> None:
    assert prior({**UNIT, "prior": {"center": 0.9, "spread": 0.05}}) == Near(0.9, 0.05)
    assert prior({**DEPTH, "prior": {"center": 2.5, "spread": 1}}) == Near(2.5, 1.0)


def test_options_have_probabilities_and_weigh_1_where_nothing_is_said() -> None:
    assert prior({"choice": ["sgd", "adamw", "lion"], "prior": {"adamw": 3}}) == pytest.approx((0.2, 0.6, 0.2))
    assert prior({"choice": [16, 32], "prior": {"32": 3}}) == pytest.approx((0.25, 0.75))
    assert prior({"choice": [True, False], "prior": {"true": 3}}) == pytest.approx((0.75, 0.25))
    assert prior({"choice": {"mlp": {}, "cnn": {"width": DEPTH}}, "prior": {"cnn": 1}}) == (0.5, 0.5)


def test_weights_are_dirichlet_about_their_center() -> None:
    center = {"labels": 0.5, "teacher": 0.4, "entropy": 0.1}
    entry = {"simplex": list(center), "prior": {"center": center, "concentration": 10}}
    assert prior(entry) == pytest.approx((6.0, 5.0, 2.0))
    assert prior({"simplex": ["a", "b"], "prior": {"center": {"a": 1}, "concentration": 2}}) == (3.0, 1.0)


def test_without_a_prior_there_is_none() -> None:
    assert prior(UNIT) is None and prior(["a", "b"]) is None and prior({"simplex": ["a", "b"]}) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rate", {"center": 0.01, "factor": 2}),
        ("weights", {"center": {"a": 1}, "concentration": 2}),
        ("activation", {"gelu": 2}),
        ("optimizer", {"sgd": 2}),
    ],
)
def test_a_prior_alone_leaves_what_the_trainer_declares_its_default_too(name: str, said: Any) -> None:
    told = DECLARED[name]
    space = grammar.read({name: {"prior": said}}, {name: told}, origin="trainers.mine", file="a.toml")
    node, bare = space.nodes[0], grammar.read({name: {}}, {name: told}, origin="trainers.mine", file="a.toml").nodes[0]
    assert node.prior and node.default == told["default"]
    assert type(node) is type(bare) and str(node) == str(bare)
    assert node.origin == "study over trainers.mine"


MISTAKES = [
    ({**UNIT, "prior": 0.5}, r"\.prior: expected a table with center and spread, got 0\.5"),
    ({**RATE, "prior": 0.5}, r"\.prior: expected a table with center and factor, got 0\.5"),
    ({**UNIT, "prior": {"center": 0.5}}, r"\.prior: expected spread as well, got \{'center': 0\.5\}"),
    ({**UNIT, "prior": {"spread": 0.5}}, r"\.prior: expected center as well"),
    ({**UNIT, "prior": {"centre": 0.5}}, r"\.prior\.centre: expected one of center, spread, .* mean 'center'\?"),
    (
        {**UNIT, "prior": {"center": 0.5, "factor": 2}},
        r"\.prior\.factor: expected one of center, spread, got 'factor'\. It is a factor only where log",
    ),
    (
        {**RATE, "prior": {"center": 0.5, "spread": 2}},
        r"\.prior\.spread: expected one of center, factor, got 'spread'\. It is a factor where log = true",
    ),
    ({**UNIT, "prior": {"center": 2, "spread": 1}}, r"\.prior\.center: expected a number in \[0, 1\], got 2"),
    ({**UNIT, "prior": {"center": "x", "spread": 1}}, r"\.prior\.center: expected a number in \[0, 1\], got 'x'"),
    ({**DEPTH, "prior": {"center": True, "spread": 1}}, r"\.prior\.center: expected a number in 1\.\.8, got True"),
    ({**UNIT, "prior": {"center": 0.5, "spread": 0}}, r"\.prior\.spread: expected a number above 0, got 0"),
    ({**UNIT, "prior": {"center": 0.5, "spread": math.nan}}, r"\.prior\.spread: expected a number above 0, got nan"),
    ({**RATE, "prior": {"center": 0.5, "factor": 1}}, r"\.prior\.factor: expected a number above 1, got 1"),
    ({"choice": ["a", "b"], "prior": "a"}, r"\.prior: expected a table with weights of a, b, got 'a'"),
    ({"choice": ["alpha", "beta"], "prior": {"alhpa": 2}}, r"\.prior\.alhpa: expected one of alpha, beta, .*'alpha'\?"),
    ({"choice": ["a", "b"], "prior": {"a": 0}}, r"\.prior\.a: expected a number above 0, got 0"),
    ({"choice": ["a", "b"], "prior": {"a": "much"}}, r"\.prior\.a: expected a number above 0, got 'much'"),
    ({"simplex": ["a", "b"], "prior": {"a": 0.5}}, r"\.prior\.a: expected one of center, concentration, got 'a'"),
    (
        {"simplex": ["a", "b"], "prior": {"center": 0.5, "concentration": 3}},
        r"\.prior\.center: expected a table with weights of a, b, got 0\.5",
    ),
    (
        {"simplex": ["a", "b"], "prior": {"center": {"a": 0.5}, "concentration": 3}},
        r"\.prior\.center: expected weights that are not negative and sum to one, got \{'a': 0\.5\}",
    ),
    (
        {"simplex": ["labels", "b"], "prior": {"center": {"lables": 1}, "concentration": 3}},
        r"\.prior\.center\.lables: expected one of labels, b, got 'lables'\. Did you mean 'labels'\?",
    ),
    (
        {"simplex": ["a", "b"], "prior": {"center": {"a": 1}, "concentration": 0}},
        r"\.prior\.concentration: expected a number above 0, got 0",
    ),
    ({"low": 0, "prior": {"center": 0.5, "spread": 1}}, r": expected high, since a range needs low and high"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "message"), MISTAKES)
def test_every_mistake_has_its_message(entry: Any, message: str) -> None:
    with pytest.raises(StudyError, match=r"^a\.toml \[space\] x" + message):
        prior(entry)
