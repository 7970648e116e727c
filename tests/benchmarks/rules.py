"""What a merge rule adds to the front of a study, where it chooses and on the split that was kept apart.

    python -m tests.benchmarks.rules run --out rules.jsonl [--rules logits,linear] [--groups 1,2] [--seeds 1,2]
    python -m tests.benchmarks.rules report rules.jsonl

Trials are the same whatever the rule, since merges come after them. A line of the file is one launch: hypervolume of
the trained front and of the whole one, on the choosing split and, of the same members, on the report split. Printed:
the gain in percent, mean over the seeds (standard error).
"""

import json
import statistics
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from search import components, front, launch
from search.pareto.hypervolume import hypervolume
from search.store import Store
from search.study import Study
from search.trial import Trial
from tests.benchmarks import lines

STUDIES = Path(__file__).parents[2] / "studies"


def run(study: str, rule: str, groups: int, seed: int) -> dict[str, Any]:
    """One line of the file."""
    table = tomllib.loads((STUDIES / f"{study}.toml").read_text())
    table |= {"name": study, "seed": seed, "merge": table["merge"] | {"rule": rule, "groups": groups}}
    with tempfile.TemporaryDirectory() as home:
        launch(table, home=Path(home), mirror=False, quiet=True)
        made, _, trials = Store(Path(home)).load(study)
    fronts = {"trained": [trial for trial in trials if trial.kind == "trained"], "whole": trials}
    return {kind: volumes(made, front.members(some, made.reference)[0]) for kind, some in fronts.items()}


def volumes(made: Study, members: list[Trial]) -> list[float]:
    """Where they were chosen, and apart."""
    both = [trial.values for trial in members], [trial.report_values for trial in members]
    return [hypervolume(np.array([made.losses(each) for each in some]), np.array(made.reference)) for some in both]


def report(path: Path) -> str:
    gains = defaultdict(list)
    for line in map(json.loads, path.read_text().splitlines()):
        gained = 100.0 * (np.array(line["whole"]) / line["trained"] - 1.0)
        gains[line["study"], line["rule"], line["groups"]].append(gained)
    told = ["| study | rule | groups | seeds | choosing | report |", "|---|---|---|---|---|---|"]
    for (study, rule, groups), rows in gains.items():
        cells = [f"{np.mean(c):+.1f} ({statistics.stdev(c) / len(c) ** 0.5:.1f})" for c in np.transpose(rows).tolist()]
        told.append(f"| {study} | {rule} | {groups} | {len(rows)} | {' | '.join(cells)} |")
    return "\n".join(told)


GRID: dict[str, lines.Axis] = {
    "seeds": ("seed", int, "1,2,3,4,5,6,7,8"),
    "studies": ("study", str, "two-views-digits,distill-digits"),
    "groups": ("groups", int, "1"),
    "rules": ("rule", str, ",".join(components.names("merge"))),
}

if __name__ == "__main__":
    lines.main(__doc__ or "", run, report, GRID)
