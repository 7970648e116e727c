"""What passes between a trainer and its caller: four records, and names. Imports neither torch nor numpy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Task:
    """One trial as a trainer sees it: what to train, from where."""

    number: int  # trial number, only to be handed back
    params: dict[str, Any]  # nested: {"learning_rate": 0.01, "optimizer": {"name": "sgd", "momentum": 0.9}, ...}
    seed: int  # the row's random stream: its data order
    step: int = 0  # steps already done
    state: dict[str, Tensor] | None = None  # what `Rung.checkpoint` gave for this row, without the row axis


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long (steps of one row), how often it is looked at (steps), and how many rows advance together."""

    steps: int
    rung_steps: int
    population: int

    def __post_init__(self):
        for name in ("steps", "rung_steps", "population"):
            if getattr(self, name) < 1:
                raise ValueError(f"budget {name}: expected at least 1, got {getattr(self, name)}")
        if self.steps % self.rung_steps:
            raise ValueError(f"budget steps: expected a multiple of rung_steps = {self.rung_steps}, got {self.steps}")


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A population at a rung boundary; every list and every leading axis has one entry a row (k of them)."""

    numbers: list[int]
    steps: list[int]
    finite: list[bool]
    seconds: list[float]  # training cost of each row so far; wall time is shared equally over the rows
    values: dict[str, list[float]] = field(default_factory=dict)  # what a trainer reports by itself, instead of outputs
    outputs: Callable[..., dict[str, Tensor]] | None = None  # split "choose" or "report"[, rows] -> named tensors
    weights: Callable[[int], dict[str, Tensor]] | None = None  # row -> state dict of a plain module
    checkpoint: Callable[[], dict[str, Tensor]] | None = None  # everything needed to go on, (k, ...) tensors
    failures: list[tuple[str, str] | None] | None = None  # (class, message) per row, from trainers that know
    base: str | None = None  # sha256 of the weights that all rows started from; None if they share none


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the caller wants after a rung: one `keep` per row, and new tasks for the free places."""

    keep: list[bool]
    admit: list[Task] = field(default_factory=list)


def cause(error: BaseException) -> str:
    """The failure class of an exception in training code, without importing the library that raised it."""
    memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    # the allocators of the CPU have no class of their own
    words = ("can't allocate memory", "not enough memory", "bad_alloc", "could not allocate", "out of memory")
    memory = memory or (isinstance(error, RuntimeError) and any(word in str(error) for word in words))
    return "out_of_memory" if memory else "crashed"


def expand(provides: Sequence[str], settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Output names, with every template "{view}.logits" written out over settings["views"].

    >>> expand(("{view}.logits", "seconds"), {"views": ["upright", "rotated"]})
    ('upright.logits', 'rotated.logits', 'seconds')
    """
    names: list[str] = []
    for name in provides:
        slot = re.search(r"\{(\w+)\}", name)
        names += [name] if slot is None else [name.replace(slot[0], each) for each in settings[f"{slot[1]}s"]]
    return tuple(names)


def pieces(word: str) -> list[tuple[str, str | None]]:
    """A word of a command line: literal text, each with the name in braces that follows it, or None.

    >>> pieces("--rate={learning_rate}{{}}")
    [('--rate=', 'learning_rate'), ('{', None), ('}', None)]
    """
    found = []
    for text, name, form, conversion in Formatter().parse(word):
        if form or conversion:
            raise ValueError(f"a name alone in braces, without {(conversion or form)!r}; a plain brace is doubled")
        found.append((text, name))
    return found
