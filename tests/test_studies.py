"""Every study that ships reaches a front at a toy budget."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from search import api, study

TOY: dict[str, Any] = {"budget.trials": 8, "budget.population": 4}


@pytest.mark.parametrize("name", study.shipped())
def test_every_study_reaches_a_front_on_a_toy_budget(name: str, tmp_path: Path) -> None:
    table = study.read(name).table
    toy = {**TOY}
    if table.budget.steps > 1:
        toy |= {"budget.steps": 8, "budget.rungs": 2, "trainer.base_steps": 20}
    if name == "distill-digits":
        toy |= {"trainer.teacher_steps": 40}
    if name == "gpt-forgetting":
        toy |= {f"trainer.{windows}": 4 for windows in ("train_windows", "choose_windows", "report_windows")}
    if table.merge:
        toy |= {"merge.evaluations": 4}
    made = study.read(name, **toy)
    front, _, _ = api.run(made, home=tmp_path, mirror=False)
    assert len(front) >= 1
    assert front.trials >= 3
    shutil.rmtree(tmp_path)
