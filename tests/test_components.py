"""Every file of every family against the contract of its family, and a user's own files against the same."""

import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from search import components, grammar, study
from search.errors import StudyError
from search.space import Fixed
from trainers.rung import expand

ALL = [(family, name) for family in components.FAMILIES for name in components.names(family)]
# public files of a family's folder that are no component
HELPERS = {"merge": {"tensors", "adapters", "align", "grouped"}}
POSITIONAL = {
    "trainer": ["tasks"],
    "divergence": ["p_logits", "q_logits"],
    "measure": ["outputs"],
    "optimizer": ["parameters", "gradient", "slots"],
    "problem": ["point"],
    "proposer": ["space", "trials", "q"],
    "schedule": ["progress"],
    "stop": ["curves", "asking"],
    "merge": ["base", "states", "coefficients"],
    "coefficients": ["seen", "q"],
}
DESCRIBE_ALL = """
import json, sys
from search import components
for family in components.FAMILIES:
    for name in components.names(family):
        components.describe(family, name, where="here")
print(json.dumps(sorted(sys.modules)))
"""


def described(family: str, name: str) -> components.Component:
    return components.describe(family, name, where="here")


def imported(family: str, name: str) -> ModuleType:
    return importlib.import_module(described(family, name).module)


def folder(family: str) -> Path:
    return components.ROOT.joinpath(*components.FAMILIES[family].package.split("."))


def test_a_component_is_described_without_importing_it() -> None:
    told = subprocess.run([sys.executable, "-c", DESCRIBE_ALL], capture_output=True, text=True, check=True).stdout
    loaded = set(json.loads(told))
    assert not loaded & {described(family, name).module for family, name in ALL}
    assert not loaded & {"torch", "numpy", "optuna"}


@pytest.mark.parametrize("family", [family for family in components.FAMILIES if family != "trainer"])
def test_every_public_file_of_a_family_is_a_component(family: str) -> None:
    files = {path.stem for path in folder(family).glob("*.py") if not path.stem.startswith("_")}
    assert files - HELPERS.get(family, set()) == set(components.names(family))


def test_external_code_is_no_trainer_to_be_named() -> None:
    assert set(components.names("trainer")) >= {"analytic", "distill", "multitask"}
    assert "external" not in components.names("trainer")
    assert hasattr(importlib.import_module("trainers.external"), "train")


@pytest.mark.parametrize(("family", "name"), ALL)
def test_a_component_says_in_one_line_what_it_is(family: str, name: str) -> None:
    summary = described(family, name).summary
    assert 10 < len(summary) <= 120
    assert summary[0].isupper() and summary.endswith((".", ":", ")", "?"))


@pytest.mark.parametrize(("family", "name"), ALL)
def test_a_function_takes_what_its_family_gives_and_what_it_declares(family: str, name: str) -> None:
    declared, given = described(family, name), components.FAMILIES[family].given
    function = getattr(imported(family, name), components.FAMILIES[family].function)
    parameters = inspect.signature(function).parameters.values()
    assert [each.name for each in parameters if each.kind is not each.KEYWORD_ONLY] == POSITIONAL[family]
    keywords = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    if family == "trainer":
        assert keywords == {"budget", "settings", "device", "cache", "at_rung"}
    elif given is not None:
        assert keywords - set(components.FAMILIES[family].offered) == set(declared.space) | set(given)
    else:
        assert keywords == set()


@pytest.mark.parametrize(("family", "name"), ALL)
def test_what_is_read_from_the_source_is_what_is_imported(family: str, name: str) -> None:
    declared, module = described(family, name), imported(family, name)
    for constant in components.CONSTANTS:
        if constant in declared.constants or hasattr(module, constant):
            assert declared.constants[constant] == getattr(module, constant), constant


@pytest.mark.parametrize(("family", "name"), ALL)
def test_hyperparameters_are_whole_words_with_a_default_inside_their_range(family: str, name: str) -> None:
    declared = described(family, name)
    for key, spec in declared.space.items():
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", key)
        node = grammar.node(key, spec, file=declared.module)
        assert not isinstance(node, Fixed), f"{key} has nothing to search"
        if family != "problem":
            assert getattr(node, "default", None) is not None, f"{key} has no default"


@pytest.mark.parametrize("name", components.names("measure"))
def test_a_measure_declares_what_it_reads_and_the_range_of_its_values(name: str) -> None:
    declared = described("measure", name).constants
    best, worst = declared["LIMITS"]
    assert best < worst if declared["DIRECTION"] == "min" else best > worst
    low, high = declared["BOUNDS"]
    assert low is None or high is None or low < high
    for limit in (best, worst):
        assert (low is None or low <= limit) and (high is None or limit <= high)
    assert declared["UNIT"]


@pytest.mark.parametrize("name", components.names("measure"))
def test_some_trainer_provides_what_a_measure_needs(name: str) -> None:
    trainers = [described("trainer", each).constants for each in components.names("trainer")]
    names = [key for each in trainers for key in expand(each.get("PROVIDES", ()), each.get("SETTINGS", {}))]
    assert set(described("measure", name).constants["NEEDS"]) <= {key.split(".")[-1] for key in names}


@pytest.mark.parametrize("name", components.names("trainer"))
def test_a_trainer_declares_its_space_and_either_provides_outputs_or_reports_values(name: str) -> None:
    declared, module = described("trainer", name), imported("trainer", name)
    assert {"SPACE", "SETTINGS"} <= declared.constants.keys()
    if "PROVIDES" not in declared.constants:
        return
    provided = expand(declared.constants["PROVIDES"], declared.constants["SETTINGS"])
    assert len(set(provided)) == len(provided) and not any("{" in key for key in provided)
    assert {"seconds", "parameters"} <= set(provided)
    assert list(inspect.signature(module.evaluate).parameters) == ["states", "split", "settings", "device", "cache"]
    assert list(inspect.signature(module.base).parameters) == ["settings", "device", "cache"]
    assert list(inspect.signature(module.module).parameters) == ["settings"]


def test_an_optimizer_names_its_slots_and_a_merge_rule_its_geometry() -> None:
    for name in components.names("optimizer"):
        assert described("optimizer", name).constants["SLOTS"]
    for name in components.names("merge"):
        assert {"SIMPLEX", "NEEDS_BASE", "GIVES_BACK"} <= described("merge", name).constants.keys()


# A user's own files ---------------------------------------------------------------------------------------------------

GOOD = {
    "trainer": "SPACE = {'rate': {'low': 0.0, 'high': 1.0}}\n"
    "def train(tasks, *, budget, settings, device, cache, at_rung): ...",
    "divergence": "SPACE = {'order': {'low': 0.0, 'high': 1.0, 'default': 0.5}}\n"
    "def divergence(p_logits, q_logits, *, order): ...",
    "measure": "SPACE = {}\nNEEDS = ('logits',)\nUNIT = 'nats'\nDIRECTION = 'max'\nLIMITS = [5, 0.0]\n"
    "def measure(outputs): ...",
    "optimizer": "SPACE = {}\nSLOTS = ['velocity']\ndef update(parameters, gradient, slots, **rates): ...",
    "problem": "SPACE = {'x': {'low': 0.0, 'high': 1.0}}\ndef evaluate(point): ...\ndef front(n): ...",
    "proposer": "SPACE = {'temper': {'low': 0.0, 'high': 1.0, 'default': 0.5}}\n"
    "def propose(space, trials, q, *, seed, reference, temper=0.5): ...",
    "schedule": "SPACE = {}\ndef factor(progress): ...",
    "stop": "SPACE: dict = {}\ndef keep(curves, asking, *, reference, audited): ...",
    "merge": "SPACE = {}\nSIMPLEX = False\ndef merge(base, states, coefficients): ...",
    "coefficients": "NEEDS_OUTPUTS = True\ndef propose(seen, q): ...",
}

MISTAKES = [
    ("divergence", "SPACE = {}", r"expected a module that defines divergence\(\.\.\.\), got '\w+\.mine'\. See the doc"),
    ("divergence", "def divergence(p, q): ...", r"expected SPACE in \w+\.mine: a plain literal table\.$"),
    (
        "divergence",
        "SPACE = dict(order=1)\ndef divergence(p, q, *, order): ...",
        r"expected SPACE of \w+\.mine to be a plain literal table, got 'an expression'",
    ),
    (
        "divergence",
        "SPACE = {[]: 1}\ndef divergence(p, q): ...",
        r"expected SPACE of \w+\.mine to be a plain literal table, got 'an expression'",
    ),
    (
        "divergence",
        "SPACE = ['order']\ndef divergence(p, q, *, order): ...",
        r"expected SPACE of \w+\.mine to be a plain literal table, got \['order'\]",
    ),
    (
        "divergence",
        "SPACE = {'order': {'low': 0.0, 'high': 1.0}}\ndef divergence(p, q, *, ordre): ...",
        r"divergence\(\.\.\.\) of \w+\.mine to take the names of its SPACE as keywords: order, got '\(p, q, ordre\)'",
    ),
    (
        "divergence",
        "SPACE = {}\ndef divergence(p, q, *, order): ...",
        r"to take the names of its SPACE as keywords: none, got '\(p, q, order\)'",
    ),
    ("divergence", "def divergence(p, q: ...", r"mine\.py:1: expected valid Python, got "),
    ("optimizer", "SPACE = {}\ndef update(parameters, gradient, slots, **_): ...", r"expected SLOTS in \w+\.mine: "),
    (
        "measure",
        GOOD["measure"].replace("UNIT = 'nats'", ""),
        r"expected UNIT in \w+\.mine: a literal text\.$",
    ),
    (
        "measure",
        GOOD["measure"].replace("('logits',)", "('logits')"),
        r"expected NEEDS of \w+\.mine to be a literal list of names, got 'logits'",
    ),
    (
        "measure",
        GOOD["measure"].replace("'max'", "'up'"),
        r"expected DIRECTION of \w+\.mine to be 'min' or 'max', got 'up'",
    ),
    (
        "measure",
        GOOD["measure"].replace("[5, 0.0]", "(0.0, None)"),
        r"expected LIMITS of \w+\.mine to be the best and the worst value, two finite numbers, got \(0\.0, None\)",
    ),
    (
        "measure",
        f"{GOOD['measure']}\nBOUNDS = 1.0",
        r"expected BOUNDS of \w+\.mine to be two numbers, or None for no bound, got 1\.0",
    ),
    (
        "trainer",
        f"{GOOD['trainer']}\nPROVIDES = tuple(['logits'])",
        r"expected PROVIDES of \w+\.mine to be a literal list of names, got 'an expression'",
    ),
    ("trainer", f"{GOOD['trainer']}\nSETTINGS = dict()", r"expected SETTINGS of \w+\.mine to be a plain literal table"),
    (
        "stop",
        "SPACE = {}\ndef keep(curves, asking, *, reference, audited, share): ...",
        r"expected keep\(\.\.\.\) of \w+\.mine to take the names of its SPACE as keywords: none, got '.*, share\)'",
    ),
]

Lab = Callable[..., str]
COUNT = iter(range(1000))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Source -> the dotted name of a module that holds it; ``init``: the source of the package around it."""

    def write(source: str, *, init: str = "") -> str:
        package = tmp_path / f"lab{next(COUNT)}"
        package.mkdir()
        (package / "__init__.py").write_text(init)
        (package / "mine.py").write_text(source)
        return f"{package.name}.mine"

    monkeypatch.syspath_prepend(tmp_path)
    return write


@pytest.mark.parametrize("family", components.FAMILIES)
def test_a_user_s_module_is_a_component_of_every_family(family: str, lab: Lab) -> None:
    name = lab(f'"""Mine."""\n{GOOD[family]}')
    declared = described(family, name)
    assert (declared.name, declared.module, declared.summary) == (name, name, "Mine.")
    assert components.load(family, name, where="here").__name__ == name


@pytest.mark.parametrize(("family", "source", "message"), MISTAKES)
def test_a_user_s_module_that_breaks_the_contract_is_refused(family: str, source: str, message: str, lab: Lab) -> None:
    with pytest.raises(StudyError, match=message):
        described(family, lab(source))


@pytest.mark.parametrize("name", ["nowhere.at_all", "sys.flags", ".", "zlib.crc32"])
def test_a_module_that_is_not_there_is_said_to_be_missing(name: str) -> None:
    with pytest.raises(StudyError, match=r"here: expected a module that Python can find, got .*It is looked for in"):
        described("divergence", name)


def test_a_folder_without_a_file_is_no_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StudyError, match=r"expected a module that Python can find, got 'outer\.inner'"):
        described("divergence", "outer.inner")


@pytest.mark.parametrize(
    ("line", "got"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_whatever_a_user_s_module_raises_on_import_is_one_clear_message(line: str, got: str, lab: Lab) -> None:
    name = lab(f"{GOOD['divergence']}\n{line}")
    assert described("divergence", name).space  # read, not imported
    with pytest.raises(StudyError, match=rf"^here: expected lab\d+\.mine to import, got .{re.escape(got)}.\.$"):
        components.load("divergence", name, where="here")


def test_a_user_s_package_that_does_not_import_is_one_clear_message(lab: Lab) -> None:
    name = lab(GOOD["divergence"], init="raise RuntimeError('no licence')")
    with pytest.raises(StudyError, match=r"^here: expected lab\d+\.mine to import, got 'RuntimeError: no licence'"):
        described("divergence", name)


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(StudyError, match=r"expected one of alpha, .* got 'forward_lk'\. Did you mean 'forward_kl'\?"):
        described("divergence", "forward_lk")


def test_a_user_s_divergence_brings_its_dimensions_into_a_study(lab: Lab) -> None:
    name = lab(GOOD["divergence"])
    made = study.read(distilled(divergence=["forward_kl", name]))
    assert made.space.columns.keys() == {"divergence", f"divergence.{name}.order"}
    (order,) = (node for node, _ in made.space.leaves() if node.name.endswith(".order"))
    assert order.origin == name


def test_a_user_s_measure_brings_its_unit_its_direction_and_its_limit(lab: Lab) -> None:
    name = lab(GOOD["measure"])
    made = study.read({**distilled(), "objectives": {"sharpness": {"measure": name}}})
    (objective,) = made.objectives
    assert (objective.measure, objective.unit, objective.direction, objective.limit) == (name, "nats", "max", 0.0)
    assert made.reference == (-0.0,)


def distilled(**space: Any) -> dict[str, Any]:
    return {
        "trainer": {"name": "distill"},
        "space": space or {"learning_rate": {}},
        "objectives": {"error": {}},
    }
