"""A name in a study file -> a module, and what it declares; the folder is the registry.

A component is one file in a family's folder. Its constants (``SPACE``, ``NEEDS``, ``UNIT``, ...) are
plain literals, so they are read from the source without importing it: a study is checked in full, and
`search --help` stays fast, before torch is ever loaded. A name with a dot is a user's own module and is
held to the same contract.
"""

import ast
import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from search.errors import StudyError, near_miss, one_of

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Family:
    """``package``: the folder; ``function``: what each of its files must define."""

    package: str
    function: str


FAMILIES: Mapping[str, Family] = {
    "trainer": Family("trainers", "train"),
    "divergence": Family("objectives.divergences", "divergence"),
    "measure": Family("objectives.measures", "measure"),
    "optimizer": Family("trainers.optimizers", "update"),
    "problem": Family("trainers.problems", "evaluate"),
    "proposer": Family("search.propose", "propose"),
    "stop": Family("search.stop", "keep"),
    "merge": Family("search.pareto.merge", "merge"),
}


@dataclass(frozen=True)
class Component:
    """What a file declares. ``constants``: its module-level literals; ``summary``: its first line."""

    family: str
    name: str
    module: str
    summary: str
    functions: tuple[str, ...]
    constants: Mapping[str, Any]

    @property
    def space(self) -> Mapping[str, Any]:
        """Its own hyperparameters, in the grammar of the study file."""
        return self.constants.get("SPACE", {})


def names(family: str) -> list[str]:
    """Every component of a family, sorted: the files of its folder that define the family's function."""
    folder = ROOT.joinpath(*FAMILIES[family].package.split("."))
    found = (path.stem for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_"))
    return [name for name in found if FAMILIES[family].function in _declared(folder / f"{name}.py").functions]


def describe(family: str, name: str, *, where: str) -> Component:
    """The component ``name``, read but not imported; a StudyError says what is wrong with it."""
    wanted = FAMILIES[family]
    if "." in name:
        module, path = name, _user_path(name, where)
    elif name in names(family):
        module, path = f"{wanted.package}.{name}", ROOT.joinpath(*wanted.package.split("."), f"{name}.py")
    else:
        known = names(family)
        raise StudyError(where, expected=one_of(known), got=name, hint=near_miss(name, known))
    declared = _declared(path)
    if wanted.function not in declared.functions:
        raise StudyError(
            where,
            expected=f"a module that defines {wanted.function}(...)",
            got=name,
            hint=f"See the docstring of {wanted.package} for the contract.",
        )
    for constant in ("SPACE", "SETTINGS"):
        if not isinstance(declared.constants.get(constant, {}), dict):
            raise StudyError(where, expected=f"{constant} of {module} to be a plain literal table", got="an expression")
    return Component(family, name, module, declared.summary, declared.functions, declared.constants)


def load(family: str, name: str, *, where: str) -> ModuleType:
    """Import the component; an ImportError of a user's module becomes a StudyError."""
    module = describe(family, name, where=where).module
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise StudyError(where, expected=f"{module} to import", got=str(error)) from error


def import_function(reference: str, *, where: str) -> Any:
    """``package.module:function`` -> the function."""
    module, _, name = reference.partition(":")
    _user_path(module, where)
    try:
        function = getattr(importlib.import_module(module), name, None)
    except Exception as error:
        raise StudyError(where, expected=f"{module} to import", got=f"{type(error).__name__}: {error}") from error
    if not callable(function):
        known = [key for key, value in vars(importlib.import_module(module)).items() if callable(value)]
        raise StudyError(where, expected=f"a function in {module}", got=name, hint=near_miss(name, known))
    return function


def _user_path(module: str, where: str) -> Path:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise StudyError(
            where,
            expected="a module that Python can find",
            got=module,
            hint="It is looked for in the study file's folder, in the current folder and among installed packages.",
        )
    return Path(spec.origin)


@dataclass(frozen=True)
class _Declared:
    summary: str
    functions: tuple[str, ...]
    constants: Mapping[str, Any]


@cache
def _declared(path: Path) -> _Declared:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise StudyError(f"{path.name}:{error.lineno}", expected="valid Python", got=error.msg) from error
    constants: dict[str, Any] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper() and node.value is not None:  # type: ignore[attr-defined]
                try:
                    constants[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
                except ValueError:
                    constants[target.id] = ...  # declared, but not plain data
    functions = tuple(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    return _Declared((ast.get_docstring(tree) or "").split("\n")[0], functions, constants)
