import subprocess
import sys

import pytest

from trainers.rung import Budget, expand


def test_the_records_import_nothing_heavy():
    heavy = {"torch", "numpy", "sklearn", "safetensors"}
    code = f"import sys, trainers.rung; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_template_stands_for_one_name_per_entry_of_the_setting_in_the_plural():
    settings = {"views": ["upright", "rotated"]}
    expected = ("upright.logits", "rotated.logits", "seconds")
    assert expand(("{view}.logits", "seconds"), settings) == expected


@pytest.mark.parametrize("name", ["steps", "rung_steps", "population"])
def test_a_budget_is_positive(name):
    given = {"steps": 10, "rung_steps": 5, "population": 2} | {name: 0}
    with pytest.raises(ValueError, match=f"budget {name}: expected at least 1, got 0"):
        Budget(**given)


def test_a_budget_ends_at_a_rung():
    with pytest.raises(ValueError, match="budget steps: expected a multiple of rung_steps = 4, got 10"):
        Budget(steps=10, rung_steps=4, population=1)
