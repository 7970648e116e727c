"""A benchmark over a grid: ``run --out FILE`` writes a JSON line a run and makes none twice, ``report FILE`` tells."""

import argparse
import json
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

Axis = tuple[str, type, str]


def main(doc: str, run: Callable[..., dict[str, Any]], report: Callable[[Path], str], grid: Mapping[str, Axis]) -> None:
    """``grid``: option -> argument of ``run``, its type and usual values, between commas; the last varies fastest."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("--out", type=Path, required=True)
    for option, (_, _, usual) in grid.items():
        runs.add_argument(f"--{option}", default=usual)
    commands.add_parser("report").add_argument("path", type=Path)
    given = parser.parse_args()
    if given.command == "report":
        print(report(given.path))
        return
    names = [name for name, _, _ in grid.values()]
    known = given.out.read_text().splitlines() if given.out.exists() else []
    done = {tuple(line[name] for name in names) for line in map(json.loads, known)}
    told = (map(kind, getattr(given, option).split(",")) for option, (_, kind, _) in grid.items())
    for values in product(*told):
        if values not in done:
            key = dict(zip(names, values, strict=True))
            line = key | run(**key)
            with given.out.open("a") as file:
                file.write(json.dumps(line) + "\n")
