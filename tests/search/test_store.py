"""The store: events fold into trials, Optuna's rows are a projection of them, and commits are few."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from sqlalchemy import event

from search import study
from search.errors import StoreError
from search.store import Row, Store
from search.trial import Failure, Trial
from tests.search.studies import ANALYTIC, DISTILL


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def made() -> study.Study:
    return study.read(ANALYTIC)


def new(made: study.Study, numbers: range) -> list[Trial]:
    rng = np.random.default_rng(0)
    return [Trial(number=number, params=made.space.sample(rng), seed=3) for number in numbers]


def row(number: int, state: str = "finished", step: int = 1, **values: float) -> Row:
    return Row(number=number, step=step, state=state, seconds=0.5, values=values, report_values={})


def test_asking_an_empty_home_makes_nothing(store: Store) -> None:
    assert store.names() == [] and not store.home.exists()


def test_events_fold_into_trials(store: Store, made: study.Study) -> None:
    name = store.create(made)
    store.admit(name, new(made, range(4)))
    failed = Row(number=2, step=1, state="failed", seconds=1.0, values={}, report_values={},
                 failure=Failure(cause="diverged", message="f1 = nan", step=1))  # fmt: skip
    store.rung(name, [row(0, f1=0.5, f2=2.0), row(1, "stopped", f1=0.9, f2=3.0), failed], checkpoint=None, clock={})
    first, second, third, fourth = Store(store.home).trials(name, made)
    assert (first.state, first.losses, first.curve) == ("finished", (0.5, 2.0), ((1, {"f1": 0.5, "f2": 2.0}),))
    assert second.state == "stopped" and not second.complete
    assert third.failure == Failure(cause="diverged", message="f1 = nan", step=1) and third.losses == ()
    assert fourth.state == "running"


def test_a_later_row_of_the_same_step_replaces_the_earlier_one(store: Store, made: study.Study) -> None:
    name = store.create(made)
    store.admit(name, new(made, range(1)))
    for value in (0.9, 0.4):  # the second after a resume from before the rung
        store.rung(name, [row(0, "running", step=1, f1=value, f2=1.0)], checkpoint=None, clock={})
    (trial,) = store.trials(name, made)
    assert trial.curve == ((1, {"f1": 0.4, "f2": 1.0}),)


def test_admitting_64_trials_is_one_commit(store: Store, made: study.Study) -> None:
    name = store.create(made)
    store.events(name), store.spend(name, {})
    commits: list[Any] = []
    event.listen(store.storage.engine, "commit", commits.append)
    store.admit(name, new(made, range(64)))
    few = len(commits)
    store.admit(name, new(made, range(64, 65)))
    assert len(commits) == 2 * few <= 4, "as many commits for 64 trials as for one"


def test_optuna_reads_what_we_wrote_under_our_numbers(store: Store, made: study.Study) -> None:
    name = store.create(made)
    trials = new(made, range(3))
    store.admit(name, trials)
    store.rung(name, [row(1, f1=0.5, f2=2.0)], checkpoint=None, clock={})
    store.project(name, store.trials(name, made), made)
    seen = optuna.load_study(study_name=name, storage=store.storage).trials
    assert [trial.state.name for trial in seen] == ["RUNNING", "COMPLETE"]
    assert seen[1].values == [0.5, 2.0] and seen[1].params == {
        k: v for k, v in trials[1].params.items() if k != "problem"
    }
    store.rung(name, [row(0, "stopped", f1=1.0, f2=9.0), row(2, f1=0.1, f2=3.0)], checkpoint=None, clock={})
    for _ in range(2):  # the second time changes nothing
        store.project(name, store.trials(name, made), made)
        seen = optuna.load_study(study_name=name, storage=store.storage).trials
        assert [trial.state.name for trial in seen] == ["PRUNED", "COMPLETE", "COMPLETE"]


def test_a_projection_that_died_half_way_is_mended(
    store: Store, made: study.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = store.create(made)
    store.admit(name, new(made, range(5)))
    store.rung(name, [row(number, f1=0.1 * number, f2=1.0) for number in range(5)], checkpoint=None, clock={})
    create, left = store.storage.create_new_trial, [2]

    def dies(*arguments: Any) -> Any:
        if not left[0]:
            raise RuntimeError("died")
        left[0] -= 1
        return create(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(store.storage, "create_new_trial", dies)
        with pytest.raises(RuntimeError, match="died"):
            store.project(name, store.trials(name, made), made)
    store.project(name, store.trials(name, made), made)
    seen = optuna.load_study(study_name=name, storage=store.storage).trials
    assert [trial.values[0] for trial in seen] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_the_study_comes_back_without_its_file(store: Store) -> None:
    made = study.read(DISTILL)
    name = store.create(made)
    again = Store(store.home).study(name)
    assert again.space == made.space and again.objectives == made.objectives and again.settings == made.settings


def test_generations_are_numbered_and_the_newest_is_meant(store: Store, made: study.Study) -> None:
    assert [store.create(made), store.create(made, fresh=True)] == ["small", "small@2"]
    assert store.resolve("small") == "small@2" and store.resolve("small@1") == "small"
    with pytest.raises(StoreError, match="Did you mean 'small'"):
        store.resolve("smal")


def test_a_lease_of_another_machine_is_respected_until_it_is_stale(
    store: Store, made: study.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = store.create(made)
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    store.renew(name)
    monkeypatch.undo()
    with pytest.raises(StoreError, match="a launch on elsewhere that was alive 0 s ago"), store.lease(name):
        pass
    monkeypatch.setattr("search.store.leases.STALE_SECONDS", 0.0)
    with store.lease(name):
        assert store.running(name)
    assert not store.running(name)


def test_a_choice_that_gained_an_option_is_still_projected(store: Store) -> None:
    space = {"divergence": ["forward_kl", "alpha"], "learning_rate": {}}
    before = study.read({**DISTILL, "space": space})
    after = study.read({**DISTILL, "space": {**space, "divergence": ["forward_kl", "alpha", "renyi"]}})
    name = store.create(before)
    store.admit(name, new(before, range(2)))
    store.rung(name, [row(n, ece=0.5, kl_to_teacher=2.0) for n in range(2)], checkpoint=None, clock={})
    store.project(name, store.trials(name, before), before)
    store.define(name, after)
    store.admit(name, [Trial(number=2, params=after.space.decode(np.full(after.space.width, 0.9)), seed=3)])
    store.rung(name, [row(2, ece=0.5, kl_to_teacher=2.0)], checkpoint=None, clock={})
    store.project(name, store.trials(name, after), after)
    seen = optuna.load_study(study_name=name, storage=store.storage).trials
    assert seen[2].params["divergence (3 options)"] == "renyi"
