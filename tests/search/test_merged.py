"""What merged trials say: of merged weights by running them, of a rule of outputs by summing what members said."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from search import front, launch, study
from search.cli import main
from search.errors import MergeError
from search.export import export
from search.loop import Loop
from search.merged import Merged, composes
from search.pick import pick
from search.store import Store
from search.trial import Trial
from tests.search.studies import DISTILL, changed
from trainers import distill
from trainers.data import digits

SIZED = changed(DISTILL, {"merge.rule": "logits", "objectives.parameters": {"limit": 1e5}})
OPEN = changed(SIZED, {"objectives.parameters": ...})  # no objective in which every sum is worse than its members


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("home")
    launch(OPEN, home=made, mirror=False, quiet=True)
    return made


def loaded(home: Path) -> tuple[Loop, list[Trial], list[Trial]]:
    made, name, trials = Store(home).load(DISTILL["name"])
    return Loop(made, Store(home), name), trials, [trial for trial in trials if trial.kind == "merged"]


@pytest.mark.parametrize("split", ["choose", "report"])
def test_a_sum_of_outputs_is_that_of_what_base_and_members_say(home: Path, split: str) -> None:
    loop, trials, merges = loaded(home)
    made, runner = loop.study, loop.runner
    members = merges[0].parents
    states = [runner.base(), *loop.files.load_weights([trials[number] for number in members])]
    said = distill.evaluate(states, split=split, settings=made.settings, device="cpu", cache=home / "cache")
    found = loop.merged.outputs([trials[members[1]], *merges], split)
    assert found["labels"].equal(said["labels"]) and found["logits"].dtype == said["logits"].dtype
    torch.testing.assert_close(found["logits"][0], said["logits"][2])  # a member among them
    for trial, logits in zip(merges, found["logits"][1:], strict=True):
        first, second = trial.coefficients
        expected = (1 - first - second) * said["logits"][0] + first * said["logits"][1] + second * said["logits"][2]
        torch.testing.assert_close(logits, expected)
    values = runner.values(found, 1 + len(merges))[1:]
    kept = [trial.values if split == "choose" else trial.report_values for trial in merges]
    assert [pytest.approx(each, rel=1e-5) for each in kept] == values


def test_the_members_of_sums_on_the_front_are_kept_and_nothing_else_is_run(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, trials, merges = loaded(home)
    kept = {path.stem for path in (home / DISTILL["name"] / "weights").glob("*")}
    on_front = {trial.id for trial in front.members(trials, loop.study.reference)[0]}
    assert on_front & {trial.id for trial in merges} and not kept & {trial.id for trial in merges}
    assert {trials[number].id for number in merges[0].parents} <= kept
    # were they no longer on the trained front, they would be kept for the sums alone
    others = [replace(t, losses=(0.99, 19.0)) if t.number in merges[0].parents else t for t in trials]
    assert all(trials[number] not in front.members(others, loop.study.reference)[0] for number in merges[0].parents)
    assert {trials[number].id for number in merges[0].parents} <= loop._kept(others)
    runs: list[int] = []
    asked = loop.runner.outputs

    def counted(states: Any, split: str) -> Any:
        runs.append(len(states))
        return asked(states, split)

    monkeypatch.setattr(loop.runner, "outputs", counted)
    for trial in merges:
        loop.merged.outputs([trial], "choose")
    assert runs == [1, 2]


def test_a_sum_costs_what_all_that_are_run_cost(tmp_path: Path) -> None:
    launch(SIZED, home=tmp_path, mirror=False, quiet=True)
    loop, trials, merges = loaded(tmp_path)
    one = float(sum(np.prod(each.shape) for each in loop.runner.base().values()))
    assert merges and composes(loop.study)
    for trial in merges:
        runs = sum(c != 0 for c in trial.coefficients) + (abs(1 - sum(trial.coefficients)) > 1e-12)
        assert trial.values["parameters"] == runs * one
    corners = ((0.0, 0.0), (0.0, 1.0), (0.5, 0.5), (0.2, 0.3))
    ends = [replace(trial, coefficients=each) for trial, each in zip(merges, corners, strict=False)]
    assert loop.merged.outputs(ends, "choose")["parameters"].tolist() == [one, one, 2 * one, 3 * one]


def test_outputs_that_cannot_be_summed_are_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, _, merges = loaded(home)
    asked = loop.runner.outputs

    def whole(states: Any, split: str) -> dict[str, Any]:
        return {**asked(states, split), "answers": torch.zeros(len(states), 5, dtype=torch.int64)}

    monkeypatch.setattr(loop.runner, "outputs", whole)
    fresh = Merged(loop.study, loop.runner, loop.files, loop.trials)
    with pytest.raises(MergeError, match=r"output 'answers': expected numbers that can be summed, got 'torch.int64'"):
        fresh.outputs(merges[:1], "choose")


def test_an_exported_sum_holds_its_members_and_says_what_was_measured(home: Path, tmp_path: Path) -> None:
    loop, trials, merges = loaded(home)
    made = study.read(OPEN)
    built = front.build(made, trials)
    ids = {point.id for point in built.points if point.kind == "merged" and pick(built, near=point.values) == point}
    on_front = [trial for trial in merges if trial.id in ids]
    assert on_front
    inputs, _ = digits.load()["choose"]
    for trial in on_front:
        near = [word for name, value in trial.values.items() for word in ("--near", f"{name}={value!r}")]
        folder = tmp_path / trial.id
        command = ["pick", DISTILL["name"], "--home", str(home), *near, "--export", str(folder)]
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
        model = torch.load(folder / "model.pt", weights_only=False)
        said = {**loop.merged.outputs([trial], "choose"), "logits": model(inputs).detach()[None]}
        found = loop.runner.values(said, 1)[0]
        assert found == pytest.approx(trial.values, rel=1e-4)
        assert json.loads((folder / "config.json").read_text())["id"] == trial.id
        card = (folder / "README.md").read_text()
        assert all(trials[number].id in card for number in trial.parents) and "all of which are run" in card
        from safetensors.torch import load_file

        assert load_file(folder / "model.safetensors").keys() == model.state_dict().keys()


def test_the_card_of_a_sum_says_whose_weights_are_whose_where_no_module_is_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, trials, merges = loaded(home)
    built = front.build(loop.study, trials)
    point = next(point for point in built.points if point.kind == "merged")
    monkeypatch.setattr(loop.runner, "module", lambda: None)
    export(tmp_path / "out", loop.study, trials, point, loop.files, loop.runner)
    assert "by name, behind `base.` or the id of their model; the" in (tmp_path / "out" / "README.md").read_text()
    assert not (tmp_path / "out" / "model.pt").exists()
