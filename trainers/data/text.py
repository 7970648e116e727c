"""Real text that every Python brings with it, as bytes in three domains that do not speak alike.

    prose        the reference of the language, as `help()` shows it (pydoc_data.topics)
    code         modules of the standard library without their docstrings
    docstrings   the docstrings of the same modules

Each domain is cut into blocks; of ten neighbouring blocks eight are for training, one to choose and one to
report by. No window crosses a block, so no byte is in two splits. The text differs a little between versions of
Python: the fingerprint is that of the content. Licence: that of Python (PSF), which lets it be used so.
"""

from __future__ import annotations

import ast
import functools
import sysconfig
from pathlib import Path

import torch
from torch import Tensor

from trainers.cached import fingerprint as content

DOMAINS = ("prose", "code", "docstrings")
VOCABULARY = 256  # bytes
SIZE_MAX = {"prose": 440_000, "code": 440_000, "docstrings": 160_000}  # bytes
BLOCK = 4096  # bytes
SPLITS = ("train", "train", "choose", "train", "train", "train", "train", "report", "train", "train")
# single files from Python 3.11 to 3.13, of many authors and subjects
MODULES = (
    "argparse calendar configparser contextlib csv dataclasses difflib enum functools heapq random shutil statistics"
    " string subprocess textwrap threading traceback"
).split()


def windows(domain: str, context: int) -> dict[str, Tensor]:
    """Split -> bytes (n, context + 1) int64: inputs are all but the last of a window, labels all but the first."""
    if domain not in DOMAINS:
        raise ValueError(f"text domain: expected one of {list(DOMAINS)}, got {domain!r}")
    if not 1 <= context < BLOCK:
        raise ValueError(f"text context: expected 1 to {BLOCK - 1} bytes, got {context}")
    text = read()[domain]
    blocks = text[: len(text) // BLOCK * BLOCK].view(-1, BLOCK)
    cut = blocks.unfold(1, context + 1, context).long()  # the last label of a window is the first input of the next
    place = torch.arange(len(blocks)) % len(SPLITS)
    chosen = {split: torch.tensor([each == split for each in SPLITS])[place] for split in dict.fromkeys(SPLITS)}
    return {split: cut[rows].flatten(0, 1) for split, rows in chosen.items()}


@functools.cache
def read() -> dict[str, Tensor]:
    """Domain -> its bytes (size,) uint8."""
    try:
        from pydoc_data.topics import topics

        sources = [_library().joinpath(f"{name}.py").read_text(encoding="utf-8") for name in MODULES]
    except (ImportError, OSError) as error:
        raise RuntimeError(
            "text: expected the sources of Python's standard library and pydoc_data.topics beside it, but"
            f" {error}. They are part of a full installation of Python."
        ) from error
    pairs = [_apart(source) for source in sources]
    texts = {
        "prose": "\n\n".join(topics[name] for name in sorted(topics)),
        "code": "\n\n".join(code for code, _ in pairs),
        "docstrings": "\n\n".join(words for _, words in pairs),
    }
    return {
        domain: torch.frombuffer(bytearray(text.encode()[: SIZE_MAX[domain]]), dtype=torch.uint8)
        for domain, text in texts.items()
    }


def _library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _apart(source: str) -> tuple[str, str]:
    """A module's lines without its docstrings, and the docstrings."""
    lines, words = source.split("\n"), []  # as the parser counts lines
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if (docstring := ast.get_docstring(node)) is not None:
            words.append(docstring)
            statement = node.body[0]
            for i in range(statement.lineno - 1, statement.end_lineno):
                lines[i] = None
    return "\n".join(line for line in lines if line is not None), "\n\n".join(words)


@functools.cache
def fingerprint() -> str:
    """sha256 of the content of all domains."""
    return content(read())
