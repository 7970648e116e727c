"""Ask and tell: what is asked, what is told, what is remembered, and what is refused."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search import Front, Optimizer, SearchError, api, study
from search.errors import StudyError
from search.grammar.interest import Interest
from search.pareto.hypervolume import hypervolume
from search.space import Params
from search.store import Store
from tests.search.studies import ANALYTIC, changed

SPACE: dict[str, Any] = {
    "rate": {"low": 1e-4, "high": 1.0, "log": True},
    "kind": {"choice": ["kl", "alpha"], "alpha": {"order": {"low": 0.0, "high": 1.0}}},
    "depth": {"low": 1, "high": 8, "integer": True},
    "weights": {"simplex": ["labels", "teacher"]},
    "batch": 32,
}
AIMS: dict[str, Any] = {"error": {"limit": 10.0}, "size": {"direction": "max", "limit": 0.0}}
KL: Params = {
    "rate": 0.01, "kind": "kl", "depth": 2, "weights.labels": 0.25, "weights.teacher": 0.75, "batch": 32,
}  # fmt: skip


def values(params: Params) -> dict[str, float]:
    """Error and size pull at the depth; the rest only errs."""
    miss = (np.log10(params["rate"]) + 2.0) ** 2 + (params.get("kind.alpha.order", 1.0) - 0.5) ** 2
    return {"error": float(miss + params["weights.labels"] + 4.0 / params["depth"]), "size": 9.0 - params["depth"]}


def made(objectives: Any = AIMS, proposer: str = "nsga2", **more: Any) -> Optimizer:
    return Optimizer(SPACE, objectives, proposer=proposer, **more)


def train(optimizer: Optimizer, n: int) -> list[Params]:
    """n trials one by one."""
    asked = []
    for _ in range(n):
        asked.append(optimizer.ask())
        optimizer.tell(asked[-1], values(asked[-1]))
    return asked


def test_what_is_wanted_and_what_is_known_reach_the_proposer() -> None:
    first = made(proposer="ehvi", start=4)
    train(first, 6)
    second = made(proposer="ehvi", start=4, earlier=[first.trials], interest={"limits": {"size": 3.0}})
    assert second.study.interest == Interest(limits=(np.inf, -3.0), weights=(1.0, 1.0))
    best = {second.study.space.key(point.params) for point in first.front().points}
    assert second.study.space.key(second.ask()) in best
    with pytest.raises(StudyError, match=r"\[interest.limits\] sise: expected one of error, size, got 'sise'. Did you"):
        made(proposer="ehvi", interest={"limits": {"sise": 3.0}})


def test_five_lines_reach_a_front() -> None:
    optimizer = made(seed=1)
    for _ in range(30):
        params = optimizer.ask()
        optimizer.tell(params, **values(params))
    front = optimizer.front()
    assert isinstance(front, Front) and front.trials == 30 and front.reference == (10.0, -0.0)
    losses = [[trial.values["error"], -trial.values["size"]] for trial in optimizer.trials]
    assert front.hypervolume == pytest.approx(hypervolume(losses, [10.0, 0.0]), rel=1e-12)
    assert front.points[0].values == min((trial.values for trial in optimizer.trials), key=lambda each: each["error"])
    assert front.points[0].id in str(front) and "error" in str(front)
    assert front.to_pandas().loc[front.points[0].id, "rate"] == front.points[0].params["rate"]


@pytest.mark.parametrize("proposer", [{"name": "nsga2"}, {"name": "ehvi", "start": 4}])
def test_it_proposes_what_a_study_of_the_same_seed_does(tmp_path: Path, proposer: dict[str, Any]) -> None:
    table = changed(ANALYTIC, {"proposer": proposer, "budget": {"trials": 8, "population": 1}})
    api.launch(table, home=tmp_path, mirror=False, quiet=True)
    launched = study.read(table)
    settings = {key: value for key, value in proposer.items() if key != "name"}
    optimizer = Optimizer(launched.space, table["objectives"], proposer=proposer["name"], seed=3, **settings)
    for trial in Store(tmp_path).trials("small", launched):
        assert optimizer.ask() == trial.params
        optimizer.tell(trial.params, trial.values)
    assert optimizer.front().hypervolume == pytest.approx(api.load("small", home=tmp_path).hypervolume, rel=1e-12)


def test_a_table_and_the_space_that_it_describes_are_one() -> None:
    assert train(Optimizer(made().study.space, AIMS, proposer="nsga2"), 12) == train(made(), 12)


@pytest.mark.parametrize("aims", [AIMS, ["error", "size"]], ids=["limits", "names"])
@pytest.mark.parametrize(("proposer", "more"), [({"proposer": "nsga2"}, 12), ({"proposer": "ehvi", "start": 9}, 1)])
def test_a_pickled_one_goes_on_with_the_same_proposals(aims: Any, proposer: dict[str, Any], more: int) -> None:
    whole, half = made(aims, **proposer), made(aims, **proposer)
    assert train(whole, 9) == train(half, 9)
    assert whole.ask(2) == half.ask(2)  # pending over the pickle
    half.tell(half.trials[9].params, failure="diverged")
    whole.tell(whole.trials[9].params, failure="diverged")
    resumed = pickle.loads(pickle.dumps(half))
    assert train(resumed, more) == train(whole, more)
    resumed.tell(resumed.trials[10].params, values(resumed.trials[10].params))
    assert resumed.trials[10].complete and len(resumed.trials) == 11 + more


def test_one_that_is_told_the_same_in_the_same_order_goes_on_the_same() -> None:
    first = made(repeats=True)
    train(first, 5)
    first.tell(KL, failure="out_of_memory")
    train(first, 6)
    again = made(repeats=True)
    for trial in first.trials:
        again.tell(trial.params, trial.values or None, failure=trial.failure and trial.failure.cause)
    assert train(again, 5) == train(first, 5)


def test_another_seed_is_another_search() -> None:
    assert train(made(seed=1), 3) != train(made(seed=2), 3)


def test_a_batch_is_pending_until_it_is_told_in_any_order() -> None:
    optimizer = made(proposer="ehvi", start=4)
    batch = optimizer.ask(4)
    assert [trial.params for trial in optimizer.trials] == batch
    assert [trial.state for trial in optimizer.trials] == ["running"] * 4
    for params in reversed(batch):
        optimizer.tell(params, values(params))
    assert [trial.params for trial in optimizer.trials] == batch
    assert all(trial.complete and trial.values == values(trial.params) for trial in optimizer.trials)
    first, second = optimizer.ask(), optimizer.ask()  # nothing was told of the first when the second was asked for
    assert len({optimizer.study.space.key(params) for params in [*batch, first, second]}) == 6


def test_what_was_asked_is_not_changed_from_outside() -> None:
    optimizer = made()
    params = optimizer.ask()
    kept = dict(params)
    params["rate"] = 0.5
    assert optimizer.trials[0].params == kept


def test_what_was_never_asked_is_a_trial_and_told_twice_it_is_two() -> None:
    optimizer = made(["error", "size"])
    optimizer.tell(KL, values(KL), seconds=2.5)
    optimizer.tell(KL, error=1.0, size=2.0)
    assert [trial.values for trial in optimizer.trials] == [values(KL), {"error": 1.0, "size": 2.0}]
    assert [(trial.number, trial.seconds) for trial in optimizer.trials] == [(0, 2.5), (1, 0.0)]
    asked = optimizer.ask()
    optimizer.tell(asked, values(asked))
    optimizer.tell(asked, values(asked))  # nothing is pending any more
    assert [trial.params for trial in optimizer.trials] == [KL, KL, asked, asked]


def test_without_repeats_nothing_told_is_proposed_and_with_them_pending_ones_are_told_in_turn() -> None:
    table = {"kind": ["a", "b"], "depth": {"low": 1, "high": 3, "integer": True}}
    optimizer = Optimizer(table, ["error"], proposer="random")
    optimizer.tell({"kind": "a", "depth": 1}, error=0.0)
    assert len(optimizer.ask(9)) == 5 and optimizer.ask(9) == []
    with pytest.raises(SearchError, match=r"ask: expected a point left among the 6 of the space. .* repeats=True"):
        optimizer.ask()
    again = Optimizer(table, ["error"], proposer="random", repeats=True)
    batch = again.ask(30)
    twice = [params for params in batch if params == batch[0]]
    assert len(twice) > 1
    for error in range(len(twice)):
        again.tell(batch[0], error=error)
    told = [trial for trial in again.trials if trial.params == batch[0]]
    assert [trial.values["error"] for trial in told] == list(range(len(twice))) and len(again.trials) == 30


def test_failures_keep_their_class_and_values_that_are_not_finite_have_one() -> None:
    optimizer = made()
    for failure in ("out_of_memory", "timeout", "crashed", "interrupted"):
        optimizer.tell(optimizer.ask(), failure=failure)  # type: ignore[arg-type]
    optimizer.tell(optimizer.ask(), error=float("nan"), size=1.0)
    causes = [trial.failure.cause for trial in optimizer.trials if trial.failure]
    assert causes == ["out_of_memory", "timeout", "crashed", "interrupted", "diverged"]
    assert optimizer.front().trials == 0 and len(optimizer.front()) == 0
    assert "no front yet" in str(optimizer.front())


def test_constraints_say_which_trials_count() -> None:
    optimizer = Optimizer({"rate": {"low": 0.0, "high": 1.0}}, ["error"], constraints={"memory": {"max": 2.0}})
    optimizer.tell({"rate": 0.1}, error=1.0, memory=3.0)
    assert not optimizer.front().feasible
    optimizer.tell({"rate": 0.2}, error=5.0, memory=2.0)
    assert [point.id for point in optimizer.front()] == ["t0001"] and optimizer.front().feasible
    assert [trial.violations for trial in optimizer.trials] == [(1.0,), (0.0,)]


def test_numbers_of_numpy_and_torch_are_numbers() -> None:
    import torch

    optimizer = made()
    optimizer.tell({**KL, "depth": np.int64(2), "rate": np.float64(0.01), "kind": np.str_("kl")}, {
        "error": torch.tensor(1.5), "size": np.float32(2.0),
    })  # fmt: skip
    (trial,) = optimizer.trials
    assert trial.params == KL and type(trial.params["depth"]) is int and type(trial.params["kind"]) is str
    assert trial.values == {"error": 1.5, "size": 2.0}


def test_seconds_may_be_an_objective() -> None:
    optimizer = Optimizer({"rate": {"low": 0.0, "high": 1.0}}, ["error", "seconds"])
    optimizer.tell({"rate": 0.1}, error=1.0, seconds=3.0)
    assert optimizer.trials[0].values == {"error": 1.0, "seconds": 3.0} and optimizer.trials[0].seconds == 3.0


@pytest.mark.parametrize(
    ("params", "told", "message"),
    [
        ({"rate": 7.0}, {}, r"tell rate: expected a number in \[0\.0001, 1\] log, got 7\.0\."),
        ({"rates": 0.1}, {}, r"tell: expected one of .*, got 'rates'\. Did you mean 'rate'\?"),
        ({"kind": "alpha"}, {}, r"tell: expected a value for kind\.alpha\.order"),
        ({"batch": 64}, {}, r"tell batch: expected 32, which is fixed, got 64\."),
        ({}, {"error": 1.0}, r"tell: expected a value for size, got 'error'\. .* failure= and one of out_of_memory, "),
        ({}, {}, r"tell: expected a value for error\. "),
        ({}, {"error": 1.0, "size": 1.0, "sice": 1.0}, r"tell: expected one of error, size, got 'sice'\. .*'size'\?"),
        ({}, {"error": "low", "size": 1.0}, r"tell error: expected a number, got 'low'\."),
        ({}, {"error": None, "size": 1.0}, r"tell error: expected a number\."),
        ({}, {**values(KL), "seconds": "long"}, r"tell seconds: expected a number, got 'long'\."),
        ({}, {"failure": "divergd"}, r"tell failure: expected one of .*, got 'divergd'\. Did you mean 'diverged'\?"),
        ({}, {"failure": "crashed", "error": 1.0}, r"tell: expected values or a failure, not both, got 'error'\."),
    ],
)
def test_a_mistake_is_said_and_changes_nothing(params: Params, told: dict[str, Any], message: str) -> None:
    optimizer = made()
    optimizer.ask()
    before = optimizer.trials
    with pytest.raises(SearchError, match=message):
        optimizer.tell({**KL, **params}, **told)
    assert optimizer.trials == before


@pytest.mark.parametrize("q", [0, 1.5, "2"])
def test_so_is_a_number_of_points_that_is_none(q: Any) -> None:
    with pytest.raises(SearchError, match=rf"ask: expected a number of points, 1 or more, got {q!r}\."):
        made().ask(q)


@pytest.mark.parametrize("told", [([0.1], {}), (KL, [1.0, 2.0]), (None, {})])
def test_and_what_has_no_names(told: Any) -> None:
    with pytest.raises(SearchError, match=r'tell: expected params, then values by name such as {"error": 0\.1}'):
        made().tell(*told)


def test_it_needs_neither_a_store_nor_a_record() -> None:
    code = (
        "import sys; from search import Optimizer\n"
        "optimizer = Optimizer({'rate': {'low': 0.0, 'high': 1.0}}, ['error'], start=2)\n"
        "for _ in range(3): optimizer.tell(optimizer.ask(), error=1.0)\n"
        "print(optimizer.front(), {'mlflow', 'optuna', 'sqlalchemy'} & sys.modules.keys())\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip().endswith("set()") and "front 3 of 3 trials" in said
