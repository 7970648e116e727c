"""What costs nothing must load nothing: looked at in ``sys.modules`` of a new process, not on a clock."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "numpy", "torch", "optuna", "sqlalchemy", "botorch", "gpytorch", "mlflow", "pandas", "pydantic", "rich",
    "plotly", "sklearn", "scipy", "moocore", "safetensors", "joblib",
}  # fmt: skip
AFTER = """
import json, sys
sys.argv = ["search", *json.loads(sys.argv[1])]
try:
    if len(sys.argv) > 1:
        from search.cli import main
        main()
    else:
        import search
except SystemExit as end:
    assert not end.code, end.code
finally:
    print("\\n" + json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def loaded(*arguments: str) -> set[str]:
    """The packages in memory after ``search ...``, or, without arguments, after ``import search``."""
    told = subprocess.run(
        [sys.executable, "-c", AFTER, json.dumps(arguments)], capture_output=True, text=True, check=True
    ).stdout
    return set(json.loads(told.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [(), ("--help",), ("launch", "--help"), ("--version",)], ids=" ".join)
def test_help_and_import_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    after = loaded(*arguments)
    assert "search" in after
    assert after & HEAVY == set()


def test_a_check_loads_no_more_than_the_space_and_the_schema_need() -> None:
    assert loaded("check", "zdt1") & HEAVY == {"numpy", "pydantic", "moocore"}


def test_a_check_of_real_training_does_not_load_it() -> None:
    assert not loaded("check", "distill-digits") & {"torch", "optuna", "sklearn", "mlflow"}


def test_what_is_loaded_is_really_seen() -> None:
    assert {"pydantic", "jsonschema"} & loaded("schema") == {"pydantic"}
