"""The examples in the docstrings run, and nothing in the folder imports what it must not."""

import ast
import doctest
import importlib
import sys
from pathlib import Path

import pytest

import search.pareto

FOLDER = Path(search.pareto.__file__).parent
FILES = sorted(path.relative_to(FOLDER) for path in FOLDER.rglob("*.py"))
DOORS = {"numpy", "moocore", "torch", "scipy", "cmaes"}
SEARCHES = [path for path in FILES if path.parts[0] == "coefficients"]  # one contract, shown once, in their package


def module_of(path):
    parts = path.with_suffix("").parts
    return ".".join(("search", "pareto", *(part for part in parts if part != "__init__")))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_example_in_a_docstring_runs(path):
    module = importlib.import_module(module_of(path))
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("path", [path for path in FILES if path not in SEARCHES], ids=str)
def test_every_public_function_shows_an_example(path):
    module = importlib.import_module(module_of(path))
    functions = [node for node in ast.parse((FOLDER / path).read_text()).body if isinstance(node, ast.FunctionDef)]
    silent = [
        node.name
        for node in functions
        if not node.name.startswith("_") and ">>>" not in (getattr(module, node.name).__doc__ or "")
    ]
    assert silent == []


def test_the_contract_of_searches_is_shown() -> None:
    shown = (importlib.import_module("search.pareto.coefficients").__doc__ or "").split(">>>", 1)[1]
    assert "propose(" in shown and "surrogate(" in shown


@pytest.mark.parametrize("path", FILES, ids=str)
def test_the_folder_imports_only_numbers_and_errors(path):
    for node in ast.walk(ast.parse((FOLDER / path).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        else:
            continue
        for name in names:
            top = name.split(".")[0]
            ours = name.startswith(("search.errors", "search.pareto"))
            assert ours or top in DOORS or top in sys.stdlib_module_names, name
            assert top != "torch" or path.parts[0] == "merge", "torch belongs to merge/"
