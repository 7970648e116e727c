"""Merges that are proposed from trials: what counts as known of them, rule by rule."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from search import amortise, ask, components, launch, promised, study
from search.cli import main
from search.errors import SearchError
from search.heard import Heard
from search.loop import Interrupted, Loop
from search.store import Store
from search.trial import Trial
from tests.search.mirrored import finished
from tests.search.mirrored import merged as mirrored
from tests.search.studies import AMORTISED, ANALYTIC, DISTILL, changed
from trainers import distill

MADE = study.read(DISTILL)
ENDS = [finished(MADE, 0, (0.1, 2.0), base="one"), finished(MADE, 1, (0.3, 1.0), base="one")]
CORNERS = {(1.0, 0.0), (0.0, 1.0)}


@pytest.fixture(autouse=True)
def _without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the laws below hold as they are written, whatever their measures could be at all."""
    monkeypatch.setattr(amortise, "_bounds", lambda objective: (None, None))


def law(c: tuple[float, ...], *, thinned: bool) -> tuple[float, ...]:
    """A quadratic of the coefficients, which at the corners is not what the members measure if they are thinned."""
    x, y = c
    return (0.4 - 0.3 * x + 0.1 * y * y + 0.3 * thinned, 9.0 - 6.0 * y + 2.0 * x * y + 3.0 * thinned)


def merged(rule: str, evaluations: int) -> tuple[study.Study, list[Trial]]:
    """A study of two parents after so many merges, as the loop would have made them."""
    made = study.read(changed(DISTILL, {"merge.rule": rule}))
    thinned = rule in ("ties", "dare")
    trials = [
        Trial(number=n, params={}, seed=0, state="finished", losses=law(corner, thinned=False), base="b")
        for n, corner in enumerate(sorted(CORNERS, reverse=True))
    ]
    while (count := len(trials) - 2) < evaluations:
        for asked in amortise.ask(made, trials, amortise.parents(made, trials), min(6, evaluations - count)):
            row = dict(params={}, seed=None, state="finished", base="b", parents=(0, 1), **asked)
            trials.append(Trial(number=len(trials), losses=law(asked["coefficients"], thinned=thinned), **row))
    return made, trials


def error(made: study.Study, trials: list[Trial]) -> dict[str, float]:
    return amortise.error(made, trials, amortise.parents(made, trials))


@pytest.mark.parametrize("rule", ["task_arithmetic", "linear", "slerp"])
def test_members_that_a_rule_gives_back_are_known_merges_and_cost_nothing(rule: str) -> None:
    made, trials = merged(rule, 12)
    tried = [trial.coefficients for trial in trials[2:]]
    assert len(set(tried)) == 12 and not CORNERS & set(tried)
    assert max(error(made, trials).values()) < 1e-5


@pytest.mark.parametrize("rule", ["ties", "dare"])
def test_members_that_a_rule_thins_out_are_merges_to_be_evaluated(rule: str) -> None:
    made, trials = merged(rule, 12)
    tried = [trial.coefficients for trial in trials[2:]]
    assert len(set(tried)) == 12 and CORNERS < set(tried)
    # the members' own losses, which are off this law by more than 0.1, are not told to the surrogate
    assert max(error(made, trials).values()) < 1e-5


@pytest.mark.parametrize("rule, enough", [("task_arithmetic", 1), ("ties", 3)])
def test_the_error_of_the_surrogate_is_silent_before_there_are_more_points_than_parents(rule: str, enough: int) -> None:
    assert error(*merged(rule, enough - 1)) == {}
    assert np.isfinite(list(error(*merged(rule, enough)).values())).all()


@pytest.mark.slow
@pytest.mark.parametrize("rule", components.names("merge"))
def test_every_rule_spends_its_budget_on_merges_that_are_measured(rule: str, tmp_path: Path) -> None:
    table = changed(DISTILL, {"merge.rule": rule})
    launch(table, home=tmp_path, mirror=False, quiet=True)
    trials = Store(tmp_path).trials(DISTILL["name"], study.read(table))
    merges = [trial for trial in trials if trial.kind == "merged"]
    assert len({trial.coefficients for trial in merges}) == 9
    assert all(trial.state == "finished" and np.isfinite(trial.losses).all() for trial in merges)


def merge(number: int, first: float, second: float, **more: object) -> Trial:
    """A bowl that passes through both ends."""
    bowl = (0.1 * first + 0.3 * second - 0.2 * first * second, 2.0 * first + second - first * second)
    return mirrored(MADE, number, bowl, (0, 1), coefficients=(first, second), **more)


def lost(number: int, coefficients: tuple[float, ...]) -> Trial:
    made = mirrored(MADE, number, (0.2, 1.5), (0, 1), coefficients=coefficients)
    return replace(made, state="failed", values={}, report_values={}, losses=(), violations=())


def test_the_error_of_the_surrogate_is_known_from_the_first_merge_on_and_falls() -> None:
    assert [trial.number for trial in amortise.parents(MADE, ENDS)] == [0, 1]
    assert error(MADE, ENDS) == {}
    done = [merge(2 + i, i % 4 / 3, (i // 4 + 1) / 4) for i in range(16)]
    one, many = (error(MADE, [*ENDS, *done[:n]]) for n in (1, 16))
    assert one.keys() == many.keys() == {"ece", "kl_to_teacher"}
    assert all(0 < many[name] < 0.1 * one[name] for name in many)


@pytest.mark.parametrize("base", [None, "alone"])
def test_without_two_parents_there_is_no_surrogate_and_no_error(base: str | None) -> None:
    trials = [finished(MADE, i, (0.1 + 0.1 * i, 2.0 - i), base=base if i == 0 else None) for i in range(2)]
    assert error(MADE, trials) == {}


def test_where_most_of_the_design_is_lost_the_rest_proposes_the_next() -> None:
    """Fewer rows are left than a quadratic has terms."""
    chosen, trials = amortise.parents(MADE, ENDS), list(ENDS)
    for number in range(2, 16):
        ((first, second),) = (asked["coefficients"] for asked in amortise.ask(MADE, trials, chosen, 1))
        trials.append(merge(number, first, second) if number == 3 else lost(number, (first, second)))
    assert len({trial.coefficients for trial in trials[2:]}) == 14


def test_outputs_of_merges_are_what_a_resumed_launch_computes_again(tmp_path: Path) -> None:
    table = changed(DISTILL, {"merge.evaluations": 10})
    launch(table, home=tmp_path, mirror=False, quiet=True)
    made, name, trials = Store(tmp_path).load(DISTILL["name"])
    loop = Loop(made, Store(tmp_path), name)
    chosen = amortise.parents(made, trials)
    done = amortise.merges_of(trials, chosen)
    heard = Heard(made, loop.runner, loop.merged)
    rows = heard.of([*chosen, *done])
    assert rows is not None and len(rows) == len(chosen) + 10
    np.testing.assert_allclose(heard.measure(rows)[len(chosen) :], [trial.losses for trial in done], rtol=1e-5)
    np.testing.assert_array_equal(rows, Heard(made, loop.runner, loop.merged).of([*chosen, *done]))
    before = [trial for trial in trials if trial.number < done[-2].number]
    last = amortise.ask(made, before, chosen, 2, Heard(made, loop.runner, loop.merged))
    assert last == [{"coefficients": each.coefficients, "promised": each.promised} for each in done[-2:]]
    told = promised.promises(made, trials)
    assert told.keys() == {"ece", "kl_to_teacher"} and all(each.merges >= 2 for each in told.values())
    assert Store(tmp_path).merge_error(name).keys() == {"ece", "kl_to_teacher"}


@pytest.mark.parametrize("method", ["kriging", "map", "lattice", "nsga2", "cma_es"])
def test_a_study_chooses_how_its_merges_are_searched(method: str, tmp_path: Path) -> None:
    table = changed(DISTILL, {"merge.evaluations": 9, "merge.method": method})
    launch(table, home=tmp_path, mirror=False, quiet=True)
    made, _, trials = Store(tmp_path).load(DISTILL["name"])
    merges = [trial.coefficients for trial in trials if trial.kind == "merged"]
    assert len(set(merges)) == len(merges) == 9


def test_models_that_say_too_much_are_predicted_by_their_metrics(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("search.heard.WIDEST", 10)
    launch(changed(DISTILL, {"merge.evaluations": 8}), home=tmp_path, mirror=False, quiet=True)
    made, name, trials = Store(tmp_path).load(DISTILL["name"])
    loop, chosen = Loop(made, Store(tmp_path), name), amortise.parents(made, trials)
    told = amortise.seen(made, trials, chosen, Heard(made, loop.runner, loop.merged))
    assert told.outputs is None and len(told.losses) == len(chosen) + 8
    assert Store(tmp_path).merge_error(name) == pytest.approx(amortise.error(made, trials, chosen))


def test_rounds_spend_both_budgets_in_equal_parts_and_train_where_merges_do_not_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    asked = ask.proposals

    def watched(made: study.Study, trials: list[Trial], q: int) -> Any:
        seen.append(sum(trial.kind == "merged" for trial in trials))
        return asked(made, trials, q)

    monkeypatch.setattr(ask, "proposals", watched)
    launch(AMORTISED, home=tmp_path, mirror=False, quiet=True)
    _, _, trials = Store(tmp_path).load(AMORTISED["name"])
    kinds = [trial.kind for trial in trials]
    assert kinds == [*(["trained"] * 4 + ["merged"] * 3) * 3]
    assert seen == [0, 3, 6]


def test_a_study_is_merged_at_its_end_without_training(tmp_path: Path) -> None:
    launch(changed(DISTILL, {"merge": ...}), home=tmp_path, mirror=False, quiet=True)
    command = ["merge", DISTILL["name"], "--home", str(tmp_path), "--no-mlflow", "--json"]
    first = CliRunner().invoke(main, [*command, "--budget", "5", "--method", "kriging"])
    assert first.exit_code == 0, first.output
    made, _, trials = Store(tmp_path).load(DISTILL["name"])
    assert made.table.merge and made.table.merge.method == "kriging"
    assert [trial.kind for trial in trials] == ["trained"] * 12 + ["merged"] * 5
    again = CliRunner().invoke(main, [*command, "--budget", "2"])
    assert again.exit_code == 0 and json.loads(again.output)["trials"] >= json.loads(first.output)["trials"]
    assert len(Store(tmp_path).load(DISTILL["name"])[2]) == 19
    told = CliRunner().invoke(main, ["resume", *command[1:-1]])
    assert f"merge {made.name} --budget 24 --home {tmp_path}" in told.output
    refused = CliRunner().invoke(main, [*command, "--rule", "linear"])
    assert refused.exit_code == 2 and 'merge.rule: "task_arithmetic" -> "linear"' in refused.output


def test_what_cannot_be_merged_is_refused_with_the_reason(tmp_path: Path) -> None:
    launch(ANALYTIC, home=tmp_path, mirror=False, quiet=True)
    found = CliRunner().invoke(main, ["merge", ANALYTIC["name"], "--home", str(tmp_path)])
    assert found.exit_code == 2 and "expected a trainer whose models share a base" in found.output


def test_a_trainer_takes_anew_what_merged_weights_do_not_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = []

    def recalibrate(states, *, settings, device, cache):  # type: ignore[no-untyped-def]
        told.append((len(states), settings["hidden"], device, cache == tmp_path / "cache"))
        return [state | {"0.bias": state["0.bias"] + 1.0} for state in states]

    table = changed(DISTILL, {"merge.evaluations": 2})
    monkeypatch.setattr(distill, "recalibrate", recalibrate, raising=False)
    launch(table, home=tmp_path, mirror=False, quiet=True)
    assert told and all(each[1:] == ([12], "cpu", True) for each in told)
    made, name, trials = Store(tmp_path).load(DISTILL["name"])
    loop = Loop(made, Store(tmp_path), name)
    merges = [trial for trial in trials if trial.kind == "merged"]
    anew = loop.merged.models(merges)
    monkeypatch.delattr(distill, "recalibrate")
    plain = loop.merged.models(merges)
    for one, other in zip(anew, plain, strict=True):
        assert one["0.bias"].equal(other["0.bias"] + 1.0) and one["0.weight"].equal(other["0.weight"])
    judged = loop.runner.values(loop.runner.outputs(anew, "choose"), len(merges))
    assert [trial.values for trial in merges] == [pytest.approx(values, rel=1e-5) for values in judged]


def test_more_merges_are_at_least_those_still_owed_and_a_launch_after_them_says_how_to_go_on(tmp_path: Path) -> None:
    launch(DISTILL, home=tmp_path, mirror=False, quiet=True)
    made, _, trials = Store(tmp_path).load(DISTILL["name"])
    done = sum(trial.kind == "merged" for trial in trials)
    owed = [trial for trial in trials if trial.kind != "merged"]  # as if it had been killed before the first merge

    def room(known: list[Trial], budget: int | None) -> int:
        table = amortise.asked(made, known, budget=budget).table.merge
        assert table
        return table.evaluations - sum(trial.kind == "merged" for trial in known)

    assert done == 9 and [room(trials, budget) for budget in (None, 1, 30)] == [amortise.MORE, 1, 30]
    assert [room(owed, budget) for budget in (None, 1, 30)] == [9, 9, 30]
    where = ["--home", str(tmp_path), "--no-mlflow", "-q"]
    assert CliRunner().invoke(main, ["merge", DISTILL["name"], "--budget", "1", *where]).exit_code == 0
    with pytest.raises(SearchError, match=f"search resume {DISTILL['name']} goes on with the one that is there"):
        launch(DISTILL, home=tmp_path, mirror=False, quiet=True)
    assert CliRunner().invoke(main, ["resume", DISTILL["name"], *where]).exit_code == 0


def test_a_study_that_was_cut_short_between_merges_is_at_rest_and_not_done(tmp_path: Path) -> None:
    weights, where = tmp_path / DISTILL["name"] / "weights", ["--home", str(tmp_path)]
    with pytest.raises(Interrupted):
        launch(DISTILL, home=tmp_path, mirror=False, quiet=True, asked_to_end=lambda: any(weights.glob("m*")))
    assert f"{DISTILL['name']}: at rest, " in CliRunner().invoke(main, ["status", *where]).output
    launch(DISTILL, home=tmp_path, mirror=False, quiet=True)
    assert f"{DISTILL['name']}: done, " in CliRunner().invoke(main, ["status", *where]).output


def test_a_member_whose_weights_are_gone_is_no_parent(tmp_path: Path) -> None:
    launch(changed(DISTILL, {"merge": ...}), home=tmp_path, mirror=False, quiet=True)
    command = ["merge", DISTILL["name"], "--home", str(tmp_path), "--no-mlflow", "-q", "--budget", "2"]
    made, _, trials = Store(tmp_path).load(DISTILL["name"])
    asked = amortise.asked(made, trials, budget=2, parents=2)
    best = amortise.parents(asked, trials)
    (tmp_path / DISTILL["name"] / "weights" / f"{best[0].id}.safetensors").unlink()
    assert CliRunner().invoke(main, [*command, "--parents", "2"]).exit_code == 0
    merges = [trial for trial in Store(tmp_path).load(DISTILL["name"])[2] if trial.parents]
    assert len(merges) == 2 and all(best[0].number not in trial.parents for trial in merges)
    for path in (tmp_path / DISTILL["name"] / "weights").glob("t*.safetensors"):
        path.unlink()
    found = CliRunner().invoke(main, command)
    assert found.exit_code == 2 and "expected the weights of two members in" in found.stderr


def test_groups_of_layers_have_coefficients_of_their_own(tmp_path: Path) -> None:
    launch(changed(DISTILL, {"merge.groups": 2, "merge.evaluations": 8}), home=tmp_path, mirror=False, quiet=True)
    made, _, trials = Store(tmp_path).load(DISTILL["name"])
    merges = [trial for trial in trials if trial.parents]
    assert len(merges) == 8 and all(trial.complete for trial in merges)
    k = len(merges[0].parents)
    assert {len(trial.coefficients) for trial in merges} == {2 * k}
    parents = amortise.parents(made, trials)
    told = amortise.seen(made, trials, parents)
    assert told.coefficients[: told.free].tolist() == np.tile(np.eye(k), 2).tolist()  # a member is it in all its layers
    (again,) = amortise.ask(made, trials[:-1], parents, 1)
    assert len(again["coefficients"]) == 2 * k


@pytest.mark.parametrize("rule, why", [("linear", "whose coefficients sum to one"), ("logits", "of outputs")])
def test_groups_are_refused_where_a_rule_has_no_layers_or_no_box(rule: str, why: str) -> None:
    with pytest.raises(SearchError, match=rf"\[merge\] groups: expected 1 with {rule}, a rule {why}, got 2"):
        study.read(changed(DISTILL, {"merge.rule": rule, "merge.groups": 2}))


def test_more_groups_than_layers_are_refused_before_there_is_a_study(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="groups: expected at most [1-7], one for each layer, got 8"):
        launch(changed(DISTILL, {"merge.groups": 8}), home=tmp_path, mirror=False, quiet=True)
    assert not Store(tmp_path).generations(DISTILL["name"])  # so the mended file is launched like any other
