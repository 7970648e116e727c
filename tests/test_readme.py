"""The README's blocks run, in order, in one fresh folder."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def run(*words: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that the README shows."""
    made = tmp_path_factory.mktemp("reader")
    for _, block in BLOCKS:
        if name := re.match(r"# file: (\S+)\n", block):
            (made / name[1]).parent.mkdir(exist_ok=True)
            (made / name[1]).write_text(block)
    return made


def test_the_readme_has_every_kind_of_block() -> None:
    assert {kind for kind, _ in BLOCKS} == {"toml", "sh", "python"}
    assert (ROOT / "studies" / "distill-digits.png").is_file()


@pytest.mark.parametrize(
    "block", [block for kind, block in BLOCKS if kind == "sh"], ids=lambda block: block.split("\n")[0][:40]
)
def test_commands_run(block: str, folder: Path) -> None:
    for line in block.strip().splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "search"
        extra = ["--no-mlflow"] if words[0] == "launch" else []
        run("-m", "search.cli", *words, *extra, folder=folder)


def test_the_study_of_the_readme_has_a_front_page(folder: Path) -> None:
    assert "careful-student" in (folder / "front.html").read_text()


@pytest.mark.parametrize("block", [block for kind, block in BLOCKS if kind == "python" and "# file" not in block])
def test_python_runs(block: str, folder: Path) -> None:
    shown = "rate" if "optuna" in block else "t00"
    assert shown in run("-c", block.replace('launch("zdt1"', 'launch("zdt1", mirror=False'), folder=folder)


def test_every_command_that_the_readme_names_exists() -> None:
    from search.cli import main

    named = set(re.findall(r"^\s*search (\w+)", README, re.MULTILINE)) | set(re.findall(r"`search (\w+)", README))
    assert named <= main.commands.keys()
