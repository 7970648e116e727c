"""A name in a study file -> a module, and what it declares; the folder is the registry.

A component is one file in a family's folder. Its constants (``SPACE``, ``NEEDS``, ``UNIT``, ...) are
plain literals, so they are read from the source without importing it: a study is checked in full, and
`search --help` stays fast, before torch is ever loaded. A name with a dot is a user's own module and is
held to the same contract.
"""

import ast
import importlib
import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from search.errors import StudyError, near_miss, one_of

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Family:
    """``package``: the folder; ``function``: what each of its files must define; ``needs``: and which constants.

    ``given``: the keywords that every call has; the others are the hyperparameters in ``SPACE``. None where
    the function does not take its hyperparameters as keywords. ``offered``: keywords for whoever has them.
    """

    package: str
    function: str
    needs: tuple[str, ...] = ("SPACE",)
    given: tuple[str, ...] | None = ()
    offered: tuple[str, ...] = ()


FAMILIES: Mapping[str, Family] = {
    "trainer": Family("trainers", "train", needs=(), given=None),
    "divergence": Family("objectives.divergences", "divergence"),
    "measure": Family("objectives.measures", "measure", needs=("SPACE", "NEEDS", "UNIT", "DIRECTION", "LIMITS")),
    "optimizer": Family(
        "trainers.optimizers", "update", needs=("SPACE", "SLOTS"),
        given=("learning_rate", "weight_decay", "age", "layers"),
    ),
    "schedule": Family("trainers.schedules", "factor", given=()),
    "problem": Family("trainers.problems", "evaluate", given=None),
    "proposer": Family("search.propose", "propose", given=("seed", "reference"), offered=("interest", "earlier")),
    "stop": Family("search.stop", "keep", given=("reference", "audited")),
    "merge": Family("search.pareto.merge", "merge"),
    "coefficients": Family("search.pareto.coefficients", "propose", needs=(), given=None),
}  # fmt: skip


def _names(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(name, str) for name in value)


def _pair(value: Any, *, open_ended: bool = False) -> bool:
    """Two numbers; ``open_ended``: None stands for no bound."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        return False
    return all(_number(each) or (open_ended and each is None) for each in value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


CONSTANTS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "SPACE": ("a plain literal table", lambda value: isinstance(value, dict)),
    "SETTINGS": ("a plain literal table", lambda value: isinstance(value, dict)),
    "PROVIDES": ("a literal list of names", _names),
    "NEEDS": ("a literal list of names", _names),
    "SLOTS": ("a literal list of names", _names),
    "UNIT": ("a literal text", lambda value: isinstance(value, str)),
    "DIRECTION": ("'min' or 'max'", lambda value: value in ("min", "max")),
    "LIMITS": ("the best and the worst value, two finite numbers", _pair),
    "BOUNDS": ("two numbers, or None for no bound", lambda value: _pair(value, open_ended=True)),
    "STACKED": ("true or false", lambda value: isinstance(value, bool)),
    "SIMPLEX": ("true or false", lambda value: isinstance(value, bool)),
    "NEEDS_BASE": ("true or false", lambda value: isinstance(value, bool)),
    "OF_OUTPUTS": ("true or false", lambda value: isinstance(value, bool)),
    "GIVES_BACK": ("true or false", lambda value: isinstance(value, bool)),
    "NEEDS_OUTPUTS": ("true or false", lambda value: isinstance(value, bool)),
    "MILLISECONDS_PER_STEP": ("a number", _number),
}


@dataclass(frozen=True)
class Component:
    """What a file declares. ``constants``: its module-level literals; ``summary``: its first line."""

    family: str
    name: str
    module: str
    summary: str
    functions: Mapping[str, "Keywords"]
    constants: Mapping[str, Any]

    @property
    def space(self) -> dict[str, Any]:
        """Its own hyperparameters, in the grammar of the study file."""
        return dict(self.constants.get("SPACE", {}))


def names(family: str) -> list[str]:
    """Every component of a family, sorted: the files of its folder that define the family's function."""
    folder = ROOT.joinpath(*FAMILIES[family].package.split("."))
    found = {path.stem: _declared(path) for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")}
    function = FAMILIES[family].function
    return [name for name, file in found.items() if function in file.functions and file.constants.get("NAMED", True)]


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
    for constant, (rule, holds) in CONSTANTS.items():
        if constant not in declared.constants:
            if constant in wanted.needs:
                raise StudyError(where, expected=f"{constant} in {module}: {rule}")
        elif not holds(value := declared.constants[constant]):
            got = "an expression" if value is ... else value
            raise StudyError(where, expected=f"{constant} of {module} to be {rule}", got=got)
    found = Component(family, name, module, declared.summary, declared.functions, declared.constants)
    if wanted.given is not None:
        _check_keywords(found, wanted, where)
    return found


def _check_keywords(component: Component, family: Family, where: str) -> None:
    """The function must take what ``SPACE`` declares, and ask for nothing else."""
    keywords, space = component.functions[family.function], set(component.space)
    surplus = set(keywords.required) - space - set(family.given or ())
    if surplus or not (keywords.any or space <= set(keywords.known)):
        rule = f"{family.function}(...) of {component.module} to take the names of its SPACE as keywords"
        names = ", ".join(component.space) or "none"
        raise StudyError(where, expected=f"{rule}: {names}", got=f"({', '.join(keywords.known)})")


def takes(family: str, name: str, keyword: str) -> bool:
    """Whether the component's function has a keyword that it is offered."""
    return keyword in describe(family, name, where=family).functions[FAMILIES[family].function].known


def load(family: str, name: str, *, where: str) -> ModuleType:
    """Import the component; whatever a user's module raises becomes a StudyError."""
    return _import(describe(family, name, where=where).module, where)


def import_function(reference: str, *, where: str) -> Any:
    """``package.module:function`` -> the function."""
    module, _, name = reference.partition(":")
    _user_path(module, where)
    home = _import(module, where)
    function = getattr(home, name, None)
    if not callable(function):
        known = [key for key, value in vars(home).items() if callable(value)]
        raise StudyError(where, expected=f"a function in {module}", got=name, hint=near_miss(name, known))
    return function


def _import(module: str, where: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a script without a main guard may call sys.exit
        raise StudyError(where, expected=f"{module} to import", got=f"{type(error).__name__}: {error}") from error


def _user_path(module: str, where: str) -> Path:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    except (Exception, SystemExit) as error:  # of a package around it, which this imports
        raise StudyError(where, expected=f"{module} to import", got=f"{type(error).__name__}: {error}") from error
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise StudyError(
            where,
            expected="a module that Python can find",
            got=module,
            hint="It is looked for in the study file's folder, in the current folder and among installed packages.",
        )
    return Path(spec.origin)


@dataclass(frozen=True)
class Keywords:
    """What a function takes by name: ``known``, of which ``required`` have no default; ``any``: it has ``**``."""

    known: tuple[str, ...]
    required: tuple[str, ...]
    any: bool


@dataclass(frozen=True)
class _Declared:
    summary: str
    functions: Mapping[str, Keywords]
    constants: Mapping[str, Any]


@cache
def _declared(path: Path) -> _Declared:
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise StudyError(f"{path.name}:{error.lineno}", expected="valid Python", got=error.msg) from error
    constants: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper():
                try:
                    constants[target.id] = ast.literal_eval(value)
                except (ValueError, TypeError):
                    constants[target.id] = ...  # declared, but not plain data
    functions = {node.name: _keywords(node.args) for node in tree.body if isinstance(node, ast.FunctionDef)}
    return _Declared((ast.get_docstring(tree) or "").split("\n")[0], functions, constants)


def _keywords(args: ast.arguments) -> Keywords:
    known = tuple(arg.arg for arg in (*args.args, *args.kwonlyargs))
    required = tuple(arg.arg for arg, value in zip(args.kwonlyargs, args.kw_defaults, strict=True) if value is None)
    return Keywords(known, required, args.kwarg is not None)
