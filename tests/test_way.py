"""The way of the data: imports look back only, third parties come in by their doors, and one place does each thing."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("objectives", "trainers", "search")
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for package in OURS
    for path in sorted((ROOT / package).rglob("*.py"))
}

# A stage may import itself and what stands before it. The package's own __init__ is what a user imports: the end.
WAY = [
    "objectives", "trainers", "search.errors", "search.clock", "search.components", "search.space", "search.tree",
    "search.grammar", "search.trial", "search.study", "search.identity", "search.curves", "search.pareto",
    "search.repeats", "search.certainty", "search.stop", "search.audit", "search.explored", "search.propose",
    "search.earlier", "search.ahead", "search.front", "search.pick", "search.diff", "search.ask", "search.trust",
    "search.explain", "search.optimizer", "search.translate", "search.sampler", "search.run", "search.judge",
    "search.worker", "search.placement", "search.workers", "search.store", "search.files", "search.merged",
    "search.export", "search.heard", "search.promised", "search.amortise", "search.figures", "search.record",
    "search.loop", "search.follower", "search.live", "search.api", "search.checked", "search.serve", "search.cli",
    "search",
]  # fmt: skip
LOOKS_AHEAD = {
    ("search/front/table.py", "search.figures"): "Front.plot(), for a notebook",
    ("search/record/mirror.py", "search"): "the version of the package",
}
# The stages that know only what is listed, themselves apart.
KNOWS_ONLY = {
    "objectives": set(),
    "trainers": set(),  # objectives by name only
    "search.errors": set(),
    "search.clock": set(),
    "search.pareto": {"search.errors"},
    "search.curves": set(),
    "search.stop": {"search.pareto", "search.curves"},
    "search.trial": set(),
    "search.space": {"search.errors"},
    "search.tree": {"search.space"},
}

# Third party -> the files that may import it; what only a type checker reads does not count.
DOORS = {
    "torch": [
        "objectives/divergences/*", "objectives/measures/*", "search/pareto/merge/*", "search/propose/*",
        "search/run.py", "search/files.py", "search/export.py", "search/api.py", "search/worker.py",
        "search/heard.py", "search/merged.py",
        # the trainers, but for those that train nothing or what is not theirs, and the records of the contract
        "trainers/bucket.py", "trainers/cached.py", "trainers/chunk.py", "trainers/classify.py", "trainers/data/*",
        "trainers/distance.py",
        "trainers/distill.py", "trainers/engines/*", "trainers/finetune.py", "trainers/fit.py", "trainers/layers/*",
        "trainers/memory.py", "trainers/models/*", "trainers/multitask.py", "trainers/population.py",
        "trainers/recalibrate.py", "trainers/run.py", "trainers/stack.py",
    ],
    "botorch": ["search/propose/*"],
    "gpytorch": ["search/propose/*"],
    "linear_operator": ["search/propose/*"],
    "threadpoolctl": ["search/propose/*"],
    "optuna": ["search/store/*", "search/translate.py", "search/sampler.py", "search/propose/*"],
    "sqlalchemy": ["search/store/__init__.py"],
    "mlflow": ["search/record/*"],
    "plotly": ["search/figures/*"],
    "cmaes": ["search/pareto/coefficients/cma_es.py"],
    "moocore": [
        "search/pareto/dominance.py", "search/pareto/hypervolume.py", "search/pareto/indicators.py",
        "search/pareto/attainment.py", "search/pareto/estimate.py",
    ],
    "pydantic": ["search/study/tables.py", "search/study/reading.py"],
    "pydantic_core": ["search/study/reading.py"],
    "click": ["search/cli/*"],
    "rich": ["search/live.py", "search/cli/options.py"],
    "sklearn": ["trainers/data/digits.py"],
    "safetensors": ["trainers/cached.py", "search/files.py"],
    "pandas": ["search/front/table.py"],
    "scipy": [
        "search/pareto/sobol.py", "search/pareto/uncertainty.py", "search/pareto/compare.py",
        "search/pareto/merge/align.py",
        "search/pareto/surrogate/_process.py", "search/audit.py", "search/propose/*", "search/space/interior.py",
    ],
    "joblib": ["search/placement.py"],
    "distributed": ["search/placement.py"],
    "numpy": [
        "trainers/order.py", "trainers/chunk.py", "trainers/problems/*", "search/space/*", "search/trial.py",
        "search/curves.py", "search/repeats.py", "search/certainty.py", "search/ask.py", "search/audit.py",
        "search/explored.py", "search/trust.py", "search/explain/*", "search/front/*",
        "search/pick.py", "search/diff.py", "search/optimizer.py", "search/sampler.py", "search/amortise.py",
        "search/judge.py",
        "search/loop.py", "search/heard.py", "search/promised.py", "search/pareto/*", "search/stop/*",
        "search/propose/*", "search/record/wanted.py",
    ],
}  # fmt: skip

# Who imports what a study names, and who calls it.
IMPORTERS = {
    "search/__init__.py", "search/components.py", "search/run.py",
    "trainers/analytic.py", "trainers/external.py", "trainers/params.py", "trainers/population.py",
    "trainers/engines/auto.py", "trainers/layers/__init__.py",
}  # fmt: skip
LOADERS = {
    "measure": "search/run.py",
    "proposer": "search/propose/__init__.py",
    "stop": "search/judge.py",
    "merge": "search/merged.py",
    "coefficients": "search/amortise.py",
}
# The events are the loop's; who starts and ends a launch opens the store; Optuna's rows can be made anew by a reader.
WRITERS = {
    "search/loop.py": {"admit", "rung", "renew", "retry", "keep_merge_error"},
    "search/api.py": {"create", "define", "lease", "spend", "project", "keep_trust"},
    "search/follower.py": {"project"},
}
HOMES = re.compile(r"(?<![\w./:])/(?:home|root|Users|work|tmp|mnt|opt|srv|var|usr|data)/\w|[A-Z]:\\\\?\w")


@dataclass(frozen=True)
class Import:
    file: str
    line: int
    name: str  # a module, as far down as it is one
    typing_only: bool


def imports(sources: dict[str, str]) -> Iterator[Import]:
    """Every import of every file, those inside functions too."""
    for file, text in sources.items():
        tree = ast.parse(text)
        typing_only = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0 and node.module, f"{file}:{node.lineno}: imports are absolute here"
                inside = [f"{node.module}.{alias.name}" for alias in node.names]
                found = [name if is_module(name) else node.module for name in inside]
            else:
                continue
            for name in dict.fromkeys(found):
                yield Import(file, node.lineno, name, node in typing_only)


def is_module(name: str) -> bool:
    path = name.replace(".", "/")
    return f"{path}.py" in SOURCES or f"{path}/__init__.py" in SOURCES


def stage(name: str) -> str:
    """The part of the way that a module belongs to."""
    if name == "search":
        return name
    return max((step for step in WAY if step != "search" and f"{name}.".startswith(f"{step}.")), key=len, default=name)


def module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def looks_ahead(sources: dict[str, str]) -> list[str]:
    found = []
    for each in imports(sources):
        if each.name.split(".")[0] not in OURS or (each.file, stage(each.name)) in LOOKS_AHEAD:
            continue
        own, other = stage(module(each.file)), stage(each.name)
        assert own in WAY and other in WAY, f"{each.file} imports {each.name}: which stage of the way is it?"
        known = KNOWS_ONLY.get(own)
        if WAY.index(other) > WAY.index(own) or (known is not None and other not in {*known, own}):
            found.append(f"{each.file}:{each.line} {own} imports {each.name}")
    return found


def wrong_doors(sources: dict[str, str]) -> list[str]:
    found = []
    for each in imports(sources):
        party = each.name.split(".")[0]
        if each.typing_only or party in OURS or party in sys.stdlib_module_names:
            continue
        if not any(fnmatch(each.file, door) for door in DOORS.get(party, [])):
            found.append(f"{each.file}:{each.line} imports {party}")
    return found


def wrong_calls(sources: dict[str, str]) -> list[str]:
    """Trainers and measures reached, components loaded, or the store written where it is not done."""
    found = [
        f"{each.file}:{each.line} imports {each.name}"
        for each in imports(sources)
        if each.file.startswith("search/") and each.name.split(".")[0] in ("trainers", "objectives")
        if each.name != "trainers.rung"
    ]
    for file, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call):
                continue
            target, _, method = ast.unparse(node.func).rpartition(".")
            where, first = f"{file}:{node.lineno}", node.args[0] if node.args else None
            if method in ("import_module", "__import__") and file not in IMPORTERS:
                found.append(f"{where} imports by name")
            if (target, method) == ("components", "load") and isinstance(first, ast.Constant):
                if LOADERS.get(str(first.value)) != file:
                    found.append(f"{where} loads a {first.value}")
            if target.split(".")[-1] == "store" and method in STORE_WRITES and method not in WRITERS.get(file, set()):
                found.append(f"{where} writes the store: {method}")
    return found


def store_writes() -> set[str]:
    """The methods of the store that change what is stored, by what they call."""
    (store,) = [node for node in ast.parse(SOURCES["search/store/__init__.py"]).body if isinstance(node, ast.ClassDef)
                and node.name == "Store"]  # fmt: skip
    calls = {
        method.name: {ast.unparse(call.func) for call in ast.walk(method) if isinstance(call, ast.Call)}
        for method in store.body
        if isinstance(method, ast.FunctionDef)
    }
    setter = re.compile(r"self\.storage\.(set|create)_|projection\.project")
    writes = {name for name, called in calls.items() if any(map(setter.match, called))}
    while more := {name for name, called in calls.items() if called & {f"self.{each}" for each in writes}} - writes:
        writes |= more
    return {name for name in writes if not name.startswith("_")}


STORE_WRITES = store_writes()


def test_imports_look_back_only() -> None:
    assert looks_ahead(SOURCES) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("search/space/dimensions.py", "from search import loop"),
        ("search/study/reading.py", "def late():\n    from search.store import Store"),
        ("search/pareto/dominance.py", "from search.trial import Trial"),
        ("search/pareto/merge/linear.py", "import search.study"),
        ("search/stop/halving.py", "from search.study import Study"),
        ("trainers/distill.py", "from search import errors"),
        ("trainers/distill.py", "from objectives.divergences import alpha"),
        ("objectives/measures/ece.py", "from trainers import fit"),
        ("search/identity.py", "import search"),
    ],
)
def test_a_planted_import_that_looks_ahead_is_caught(file: str, line: str) -> None:
    (found,) = looks_ahead({file: f"{SOURCES[file]}\n{line}\n"})
    assert found.startswith(f"{file}:")


def test_every_stage_of_the_way_is_there_and_every_exception_is_needed() -> None:
    assert {stage(module(file)) for file in SOURCES} == set(WAY)
    assert {(each.file, stage(each.name)) for each in imports(SOURCES)} >= LOOKS_AHEAD.keys()


def test_third_parties_come_in_by_their_doors_only() -> None:
    assert wrong_doors(SOURCES) == []


@pytest.mark.parametrize("party", [*DOORS, "requests"])
def test_a_planted_third_party_is_caught(party: str) -> None:
    planted = f"{SOURCES['search/errors.py']}\ndef late():\n    import {party}.inside\n"
    assert [found.split(" ", 1)[1] for found in wrong_doors({"search/errors.py": planted})] == [f"imports {party}"]


def test_every_door_is_used() -> None:
    used = [(each.file, each.name.split(".")[0]) for each in imports(SOURCES) if not each.typing_only]
    unused = [
        f"{party}: {door}"
        for party, doors in DOORS.items()
        for door in doors
        if not any(name == party and fnmatch(file, door) for file, name in used)
    ]
    assert unused == []


def test_one_place_trains_and_measures_and_one_writes_the_store() -> None:
    assert wrong_calls(SOURCES) == []


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("search/front/__init__.py", "from trainers import distill", "imports trainers.distill"),
        ("search/amortise.py", "def late():\n    import objectives.measures.ece", "imports objectives.measures.ece"),
        ("search/loop.py", "importlib.import_module('trainers.distill')", "imports by name"),
        ("search/loop.py", "components.load('measure', 'ece', where='here')", "loads a measure"),
        ("search/cli/launching.py", "store.admit('zdt1', [])", "writes the store: admit"),
        ("search/follower.py", "self.store.rung('zdt1', [])", "writes the store: rung"),
        ("search/loop.py", "store.create(made)", "writes the store: create"),
    ],
)
def test_a_planted_call_in_the_wrong_place_is_caught(file: str, line: str, message: str) -> None:
    (found,) = wrong_calls({file: f"{SOURCES[file]}\n{line}\n"})
    assert found.endswith(message)


def test_the_ways_to_write_the_store_are_known() -> None:
    assert STORE_WRITES == {
        "create",
        "define",
        "admit",
        "rung",
        "retry",
        "spend",
        "project",
        "lease",
        "renew",
        "keep_trust",
        "keep_merge_error",
    }
    assert {method for methods in WRITERS.values() for method in methods} == STORE_WRITES


def test_no_file_mentions_an_absolute_path() -> None:
    texts = [path for package in (*OURS, "studies", "tests") for path in (ROOT / package).rglob("*.*")]
    texts += [path for path in ROOT.glob("*") if path.suffix in (".md", ".toml", ".txt") or path.name == "Makefile"]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts
        if path.suffix in (".py", ".toml", ".md", ".txt", ".json") and path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if HOMES.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("line", ["see /home/ann/x.py", 'Path("/tmp/here")', "in `/work/main`", "C:\\\\Users\\\\ann"])
def test_an_absolute_path_would_be_found(line: str) -> None:
    assert HOMES.search(line)


@pytest.mark.parametrize("line", ["objectives/data/x", "https://host/data/set", "/#/experiments/1", "a / b", "x/tmp/y"])
def test_a_relative_path_or_a_link_is_none(line: str) -> None:
    assert not HOMES.search(line)
