"""A member of a front as a folder that stands alone: weights, module, configuration, and a card that tells its lineage.

    model.safetensors   the weights, by name
    model.pt            the module with them, where the trainer's model is a plain one: torch.load needs nothing else
    config.json         trainer, settings and params
    README.md           what it is, how good it is on both splits, what it was made of, how to load it

A merge of outputs is taken away with all that it sums: ``model.safetensors`` has base.NAME and ID.NAME of each member,
``model.pt`` the modules and their sum. The folder is written beside and renamed, so it is whole or absent.
"""

import json
import shutil
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from search import identity
from search.errors import SearchError
from search.files import Files, State, save
from search.front import Point, shown
from search.merged import composes, factors
from search.pick import Exchange
from search.run import Runner
from search.study import Study
from search.trial import Trial, portions

LOAD = """import torch

model = torch.load("model.pt", weights_only=False)
"""


def export(
    folder: Path, made: Study, trials: Sequence[Trial], point: Point, files: Files, runner: Runner,
    exchanges: Sequence[Exchange] = (),
) -> None:  # fmt: skip
    """Write ``folder``, which must not be there yet; ``files``: the study's."""
    if folder.exists():
        raise SearchError("--export", expected="a folder that is not there yet", got=str(folder))
    (trial,) = [trial for trial in trials if trial.id == point.id]
    parts = _parts(made, trials, trial, files, runner)
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    dot = "." if len(parts) > 1 else ""
    named = {f"{part}{dot}{name}": each for part, (state, _) in parts.items() for name, each in state.items()}
    save(named, beside / "model.safetensors")
    modules = {part: plain(runner.module()) for part in parts}
    if loads := None not in modules.values():
        import torch

        for part, (state, _) in parts.items():
            modules[part].load_state_dict(state)
        torch.save(summed(modules, {part: share for part, (_, share) in parts.items()}).eval(), beside / "model.pt")
    data = runner.data()
    (beside / "config.json").write_text(json.dumps(_config(made, trial, data), indent=1) + "\n", encoding="utf-8")
    card = _card(made, trials, trial, point, exchanges, data=data, loads=loads)
    (beside / "README.md").write_text(card, encoding="utf-8")
    beside.rename(folder)


def _parts(
    made: Study, trials: Sequence[Trial], trial: Trial, files: Files, runner: Runner
) -> dict[str, tuple[State, float]]:
    """The models that are run, and their shares of what is said: one alone, or all that a merge of outputs sums."""
    if not (trial.parents and composes(made)):
        return {"": (files.load_weights([trial])[0], 1.0)}
    known = {each.number: each for each in trials}
    members = [known[number] for number in trial.parents]
    names, states = ["base", *(each.id for each in members)], [runner.base(), *files.load_weights(members)]
    every = zip(names, states, factors(trial), strict=True)
    return {name: (state, share) for name, state, share in every if share}


def summed(modules: Mapping[str, Any], shares: Mapping[str, float]) -> Any:
    """The module that says sum_i share_i module_i(inputs), of torch alone; a single one is itself."""
    if len(modules) == 1:
        return next(iter(modules.values()))
    import operator

    from torch import fx

    graph = fx.Graph()
    inputs = graph.placeholder("inputs")
    said = {part: graph.call_module(part, (inputs,)) for part in modules}
    terms = [graph.call_function(operator.mul, (said[part], shares[part])) for part in modules]
    graph.output(reduce(lambda total, term: graph.call_function(operator.add, (total, term)), terms))
    return fx.GraphModule(dict(modules), graph)


def plain(module: Any) -> Any:
    """The module if torch alone can load it, as a sequence of torch's own layers; otherwise None."""
    from torch import nn

    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        module = nn.Sequential(OrderedDict(module.named_children()))
    known = module is not None and all(type(each).__module__.startswith("torch.") for each in module.modules())
    return module if known else None


def _config(made: Study, trial: Trial, data: str | None) -> dict[str, Any]:
    return {
        "study": made.name,
        "definition": identity.digest(identity.definition(made)),
        "id": trial.id,
        "trainer": made.trainer,
        "settings": dict(made.settings),
        "params": made.space.nest(trial.params) if trial.params else {},
        "seed": trial.seed,
        "steps": trial.step,
        "base": trial.base,
        "data": data,
    }


def _card(
    made: Study, trials: Sequence[Trial], trial: Trial, point: Point, exchanges: Sequence[Exchange], *,
    data: str | None, loads: bool,
) -> str:  # fmt: skip
    """The model card, in markdown."""
    lines = [f"# {made.name}, {trial.id}", "", made.table.description or "A member of the study's front.", ""]
    lines += ["| | choosing split | split kept apart |", "|---|---|---|"]
    for aim in (*made.objectives, *made.constraints):
        unit = f" [{aim.unit}]" if aim.unit else ""
        apart = f"{trial.report_values[aim.name]:.6g}" if aim.name in trial.report_values else ""
        lines.append(f"| {aim.name}{unit}, {aim.direction} | {trial.values[aim.name]:.6g} | {apart} |")
    if point.repeats:
        told = ", ".join(f"{aim.name} {shown(point, aim.name)}" for aim in made.objectives)
        lines += ["", f"One of {len(point.repeats)} trainings that differ in their seed, whose mean is {told} (90%)."]
    lines += ["", "## Where it comes from", "", *_lineage(made, trials, trial, data), ""]
    if exchanges:
        lines += ["## What its neighbours give for what", "", *(f"- {each}" for each in exchanges), ""]
    lines += ["## How to load it", ""]
    if loads:
        lines += ["```python", LOAD.strip(), "```", "", "`model.pt` is a pickle: load it only from where you trust."]
    else:
        behind = ", behind `base.` or the id of their model" if trial.parents and composes(made) else ""
        lines += [f"`model.safetensors` holds the weights by name{behind}; the module is the trainer's own."]
    return "\n".join(lines) + "\n"


def _lineage(made: Study, trials: Sequence[Trial], trial: Trial, data: str | None) -> list[str]:
    definition = identity.digest(identity.definition(made))
    lines = [f"- study {made.name}, definition {definition}, trainer {made.trainer}"]
    if data:
        lines.append(f"- data sha256:{data}")
    if trial.base:
        lines.append(f"- starts from the weights {trial.base}")
    if not trial.parents:
        told = ", ".join(f"{name} = {value}" for name, value in trial.params.items())
        return [*lines, f"- trained {trial.step} steps from seed {trial.seed} with {told}"]
    assert made.table.merge
    if not composes(made):
        groups = made.table.merge.groups
        lines.append(f"- merged by {made.table.merge.rule} {f'in {groups} groups of layers ' * (groups > 1)}of")
    else:
        lines.append(f"- a sum of what its members say, all of which are run, by {made.table.merge.rule}:")
        if rest := factors(trial)[0]:
            lines.append(f"  - {rest:.4g} the base")
    known = {each.number: each for each in trials}
    shares = portions(trial.coefficients, len(trial.parents), digits=4)
    for number, share in zip(trial.parents, shares, strict=True):
        parent = known[number]
        told = ", ".join(f"{name} = {value}" for name, value in parent.params.items())
        lines.append(f"  - {share} {parent.id}, trained {parent.step} steps from seed {parent.seed} with {told}")
    return lines
