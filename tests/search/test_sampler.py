"""Optuna's own conformance tests, and what is ours: given and inferred trees, states, resumes, several at once."""

import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from optuna.testing import pytest_samplers as conformance
from optuna.trial import TrialState

from search import Optimizer, OptunaSampler, SearchError, propose, sampler
from search.space import Space
from search.trial import Trial

SPACE: dict[str, Any] = {
    "rate": {"low": 1e-4, "high": 1.0, "log": True},
    "kind": {"choice": ["kl", "alpha"], "alpha": {"order": {"low": 0.0, "high": 1.0}}},
    "depth": {"low": 1, "high": 8, "integer": True},
    "weights": {"simplex": ["labels", "teacher"]},
    "batch": 32,
}
Objective = Callable[[optuna.Trial], Any]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    yield
    optuna.logging.set_verbosity(level)


class TestAsOptunaAsks(
    conformance.BasicSamplerTestCase, conformance.RelativeSamplerTestCase, conformance.MultiObjectiveSamplerTestCase
):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: OptunaSampler(proposer="nsga2")


def given(trial: optuna.Trial) -> tuple[float, float]:
    """Suggests the names of SPACE."""
    rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
    kind = trial.suggest_categorical("kind", ["kl", "alpha"])
    order = trial.suggest_float("kind.alpha.order", 0.0, 1.0) if kind == "alpha" else 1.0
    depth = trial.suggest_int("depth", 1, 8)
    labels, teacher = (trial.suggest_float(f"weights.{name}", 0.0, 1.0) for name in ("labels", "teacher"))
    assert labels + teacher == pytest.approx(1.0, abs=1e-12)
    return (math.log10(rate) + 2.0) ** 2 + (order - 0.5) ** 2 + labels + 4.0 / depth, 9.0 - depth


def branching(trial: optuna.Trial) -> tuple[float, float]:
    """Every kind of distribution, with branches under a choice, a choice in it, and a whole number."""
    model = trial.suggest_categorical("model", ["tree", None, "net"])
    miss = abs(trial.suggest_float("x", -1.0, 1.0, step=0.25))
    if model == "net":
        layers = trial.suggest_int("layers", 1, 3)
        widths = [trial.suggest_int(f"width{i}", 8, 64, step=8) for i in range(layers)]
        return miss + 100.0 / sum(widths), float(sum(widths))
    if model == "tree":
        split = trial.suggest_categorical("split", ["best", "random"])
        miss += math.log10(trial.suggest_float("rate", 1e-3, 1.0, log=True)) ** 2 if split == "best" else 1.0
        return miss, float(trial.suggest_int("leaves", 1, 100, log=True))
    return miss + 5.0, 1.0


def optimized(
    objective: Objective, n: int, made: BaseSampler, directions: Any = ("minimize", "minimize"), **more: Any
) -> optuna.Study:
    study = optuna.create_study(directions=list(directions), sampler=made)
    study.optimize(objective, n_trials=n, **more)
    return study


def seen(study: optuna.Study, **settings: Any) -> tuple[Space, list[Trial], Any]:
    """What the sampler makes of a study: the tree, the trials, and the definition that they are judged by."""
    asked: list[Any] = []

    def noting(name: str, space: Space, trials: list[Trial], q: int, **known: Any) -> list[dict[str, Any]]:
        asked.append((space, trials, known))
        return [space.sample(propose.generator(0, trials))]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(propose, "propose", noting)
        made = OptunaSampler(**settings)
        study.sampler = made
        study.ask().relative_params  # noqa: B018 - the proposal is made when it is looked at
    (found,) = asked
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize("settings", [{"proposer": "nsga2"}, {"proposer": "ehvi", "start": 5}], ids=str)
def test_with_a_space_it_proposes_what_an_optimizer_does(settings: dict[str, Any]) -> None:
    n = 20 if settings["proposer"] == "nsga2" else 7
    study = optimized(
        given, n, OptunaSampler(space=SPACE, reference=[10.0, 0.0], seed=4, **settings), ["minimize", "maximize"]
    )
    aims = {"error": {"limit": 10.0}, "size": {"direction": "max", "limit": 0.0}}
    optimizer = Optimizer(SPACE, aims, seed=4, **settings)
    for trial in study.trials:
        params = optimizer.ask()
        assert trial.params == {name: value for name, value in params.items() if name != "batch"}
        optimizer.tell(params, dict(zip(aims, trial.values, strict=True)))


def test_without_one_it_finds_the_tree_that_the_objective_follows() -> None:
    study = optimized(branching, 60, OptunaSampler(proposer="random"))
    space, trials, _ = seen(study)
    found: dict[str, set[str]] = {}
    for node, condition in space.leaves():
        found.setdefault(node.name, set()).add(condition)
    assert found == {
        "model": {""}, "x": {""}, "layers": {"model = 2"}, "width0": {"model = 2"},
        "width1": {"layers = 2", "layers = 3"}, "width2": {"layers = 3"}, "split": {"model = 0"},
        "rate": {"split = 0"}, "leaves": {"model = 0"},
    }  # fmt: skip
    assert [trial.number for trial in trials] == list(range(60))
    assert [trial.losses for trial in trials] == [tuple(trial.values) for trial in study.trials[:60]]


def test_and_proposes_all_of_it_but_the_first_trial() -> None:
    alone: dict[int, set[str]] = {}

    class Noting(OptunaSampler):
        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            alone.setdefault(trial.number, set()).add(param_name)
            return super().sample_independent(study, trial, param_name, param_distribution)

    study = optimized(branching, 60, Noting(proposer="nsga2"))
    assert alone[0] == set(study.trials[0].params)
    assert not any(number > 20 for number in alone)  # by then every branch was seen


@pytest.mark.parametrize("m", [1, 2, 3])
def test_any_number_of_objectives_in_any_direction(m: int) -> None:
    def objective(trial: optuna.Trial) -> list[float]:
        x = [trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(3)]
        return [sum((each - (i == j)) ** 2 for i, each in enumerate(x)) * (-1) ** j for j in range(m)]

    study = optimized(objective, 9, OptunaSampler(start=7), ["minimize", "maximize", "minimize"][:m])
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 9
    _, trials, _ = seen(study)
    assert all((trial.losses > (0.0,) * m) for trial in trials)  # less is better in each of them


def test_limits_are_told_from_the_trials_or_stated() -> None:
    values = [(1.0, 10.0), (2.0, 30.0), (1.5, 0.0)]
    study = optimized(lambda trial: (trial.suggest_float("x", 0, 1), values[trial.number])[1], 3, OptunaSampler(),
                      ["minimize", "maximize"])  # fmt: skip
    assert seen(study)[2]["reference"] == pytest.approx((2.1, -8.0))
    assert seen(study, reference=[5.0, None])[2]["reference"] == pytest.approx((5.0, -8.0))
    assert seen(study, reference=[5.0, 2])[2]["reference"] == (5.0, -2.0)
    with pytest.raises(
        SearchError, match=r"reference: expected a finite number, or None, for each of 2 .*, got \[5\.0\]\."
    ):
        seen(study, reference=[5.0])
    with pytest.raises(SearchError, match=r"reference: expected a finite number, .*, got \['low', nan\]\."):
        seen(study, reference=["low", math.nan])


def test_constraints_are_violations_and_one_that_is_not_told_is_kept() -> None:
    def objective(trial: optuna.Trial) -> float:
        trial.set_constraint("memory", trial.suggest_float("x", -1.0, 1.0))
        if trial.number == 1:
            trial.set_constraint("gap", 0.5)
        return 0.0

    study = optimized(objective, 3, OptunaSampler(), ["minimize"])
    _, trials, _ = seen(study)
    assert [trial.violations for trial in trials] == [
        (0.5 * (trial.number == 1), trial.params["x"]) for trial in study.trials[:3]
    ]


def test_states_are_told_apart() -> None:
    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0.0, 1.0)
        for step in range(3):
            trial.report(math.nan if trial.number == 5 and step else 3.0 - step, step + 1)
            if trial.number == 1:
                raise optuna.TrialPruned
        if trial.number == 2:
            return math.inf
        if trial.number == 3:
            raise RuntimeError("no")
        if trial.number == 4:
            trial.set_user_attr("failure", "out_of_memory")
        return math.nan if trial.number in (4, 5) else 1.0

    study = optimized(objective, 6, OptunaSampler(), ["minimize"], catch=(RuntimeError,))
    study.ask().suggest_float("x", 0.0, 1.0)
    _, trials, _ = seen(study)
    states = ["finished", "stopped", "failed", "failed", "failed", "failed", "running"]
    assert [trial.state for trial in trials] == states
    causes = ["diverged", "crashed", "out_of_memory", "diverged"]
    assert [trial.failure.cause for trial in trials if trial.failure] == causes
    assert trials[0].loss_curve == ((1, (3.0,)), (2, (2.0,)), (3, (1.0,)))
    assert trials[1].loss_curve == ((1, (3.0,)),)
    assert [trial.violations for trial in trials] == [()] * 7


def test_long_curves_are_thinned_from_their_end() -> None:
    def objective(trial: optuna.Trial) -> float:
        for step in range(100):
            trial.report(1.0, step)
        return trial.suggest_float("x", 0.0, 1.0)

    _, trials, _ = seen(optimized(objective, 1, OptunaSampler(), ["maximize"]))
    assert trials[0].loss_curve == tuple((step, (-1.0,)) for step in (8, 21, 34, 47, 60, 73, 86, 99))
    assert trials[0].step == 99


def test_a_pruner_and_the_default_proposer_go_together() -> None:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        for step in range(1, 4):
            trial.report(x + 1.0 / step, step)
            if trial.number % 3 and trial.should_prune():
                raise optuna.TrialPruned
        return x

    study = optuna.create_study(sampler=OptunaSampler(start=6), pruner=optuna.pruners.MedianPruner(n_startup_trials=2))
    study.optimize(objective, n_trials=10)
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert all(trial.loss_curve for trial in seen(study)[1])


def test_what_runs_is_pending_with_all_that_it_was_given() -> None:
    study = optimized(given, 3, OptunaSampler(space=SPACE, proposer="sobol"))
    first = study.ask()
    first.suggest_int("depth", 1, 8)  # the rest it has not asked for yet
    second = study.ask()
    given(second)
    _, trials, _ = seen(study, space=SPACE)
    assert [trial.state for trial in trials[3:]] == ["running"] * 2
    assert trials[3].params == {**first.relative_params, "batch": 32}
    assert trials[3].params != trials[4].params


def test_the_same_seed_proposes_the_same_and_another_another() -> None:
    one, two, other = (
        [trial.params for trial in optimized(branching, 25, OptunaSampler(proposer="nsga2", seed=seed)).trials]
        for seed in (1, 1, 2)
    )
    assert one == two != other


@pytest.mark.parametrize("settings", [{"proposer": "nsga2"}, {"proposer": "ehvi", "start": 4}], ids=str)
def test_a_study_that_is_loaded_again_goes_on_as_if_it_had_never_stopped(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    first, more = (15, 10) if settings["proposer"] == "nsga2" else (5, 2)

    def constrained(trial: optuna.Trial) -> tuple[float, float]:
        found = branching(trial)
        trial.set_constraint("sum", sum(found) - 200.0)
        return found

    whole = optimized(constrained, first + more, OptunaSampler(seed=3, **settings))
    for part in (first, more):
        storage = RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
        study = optuna.create_study(
            study_name="resumed", storage=storage, directions=["minimize"] * 2, load_if_exists=True,
            sampler=OptunaSampler(seed=3, **settings),
        )  # fmt: skip
        study.optimize(constrained, n_trials=part)
        made = [trial.params for trial in study.trials]
        storage.remove_session()
        storage.engine.dispose()
    assert made == [trial.params for trial in whole.trials]


def test_two_at_a_time_are_given_different_points() -> None:
    table = {"a": {"low": 1, "high": 4, "integer": True}, "b": ["x", "y", "z"]}

    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_int("a", 1, 4) + len(trial.suggest_categorical("b", ["x", "y", "z"]))

    study = optimized(objective, 12, OptunaSampler(space=table, proposer="sobol"), ["minimize"], n_jobs=2)
    assert len({tuple(trial.params.items()) for trial in study.trials}) == 12
    study.optimize(objective, n_trials=3)  # every point is used up: it begins again
    assert len(study.trials) == 15


def test_choices_may_be_anything() -> None:
    options = [(1, 2), None, "x", True]

    def objective(trial: optuna.Trial) -> float:
        return float(options.index(trial.suggest_categorical("c", options)))

    with pytest.warns(UserWarning, match="persistent storage"):
        study = optimized(objective, 12, OptunaSampler(proposer="nsga2"), ["minimize"])
    assert {trial.params["c"] for trial in study.trials} == set(options)


def test_what_was_enqueued_or_added_is_a_trial_like_any_other() -> None:
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=OptunaSampler(proposer="nsga2"))
    study.enqueue_trial({"model": "net", "layers": 2, "width0": 8, "width1": 16, "x": 0.25})
    study.add_trial(
        optuna.create_trial(
            params={"model": None},
            distributions={"model": optuna.distributions.CategoricalDistribution(["tree", None, "net"])},
            values=[9.0, 9.0],
        )  # fmt: skip
    )
    study.optimize(branching, n_trials=12)
    _, trials, _ = seen(study)
    assert study.trials[0].params == {"model": "net", "x": 0.25, "layers": 2, "width0": 8, "width1": 16}
    assert {trial.number for trial in trials} >= {0, 1}


def test_a_range_that_the_space_does_not_have_is_said() -> None:
    def objective(trial: optuna.Trial) -> float:
        return float(trial.suggest_int("depth", 20, 30))

    table = {"depth": {"low": 1, "high": 8, "integer": True}}
    with pytest.raises(SearchError, match=r"suggest depth: expected IntDistribution\(.*high=8.*, got Int.*high=30"):
        optimized(objective, 1, OptunaSampler(space=table), ["minimize"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"proposer": "ehvy"}, r"\[proposer\] name: .* Did you mean 'ehvi'\?"),
        ({"star": 3}, r"\[proposer\] star: .* Did you mean 'start'\?"),
        ({"space": {"x": {"low": 1.0}}}, r"\[space\] x: expected high"),
        ({"space": {}}, r"\[space\]: expected a table with one entry at least"),
        ({"seed": -1}, r"seed: expected greater than or equal to 0"),
    ],
)
def test_a_mistake_is_said_when_the_sampler_is_made(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        OptunaSampler(**settings)


def test_its_lock_is_no_part_of_it() -> None:
    import pickle

    made = pickle.loads(pickle.dumps(OptunaSampler(space=SPACE, seed=2)))
    assert made.seed == 2 and str(made) == "OptunaSampler" and not sampler.ONE_AT_A_TIME.locked()
