"""What a study keeps beside its events: checkpoints of what is being trained, and the weights of the front.

Every file is whole or absent (written beside, flushed, renamed), is named by an event only after it is on
disk, and is removed only after no event needs it, so a killed process leaves at most a file too many.
"""

import os
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from search.errors import MergeError
from search.trial import Trial

State = Mapping[str, Any]  # name -> tensor


class Files:
    """``folder``: the study's own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.weights, self.checkpoints = folder, folder / "weights", folder / "checkpoints"

    def save_checkpoint(self, tensors: State, rows: Sequence[int], numbers: Sequence[int]) -> str:
        """Keep ``rows`` of ``tensors`` (k, ...) for the trials ``numbers``; the name to find them by."""
        import torch

        kept = {key: value[list(rows)] for key, value in tensors.items()}
        name = f"rung-{time.time_ns() // 1_000_000}"
        save({**kept, "numbers": torch.tensor(list(numbers))}, self.checkpoints / f"{name}.safetensors")
        return name

    def load_checkpoints(self, names: Mapping[int, str]) -> dict[int, dict[str, Any]]:
        """``names``: trial number -> checkpoint. Trial number -> its row of every tensor, where the file is there."""
        from safetensors.torch import load_file

        found = {}
        for name in sorted(set(names.values())):
            path = self.checkpoints / f"{name}.safetensors"
            if not path.exists():
                continue
            tensors = load_file(path)
            numbers = [int(number) for number in tensors.pop("numbers")]
            for row, number in enumerate(numbers):
                if names.get(number) == name:
                    found[number] = {key: value[row].clone() for key, value in tensors.items()}
        return found

    def save_weights(self, trial: Trial, state: State) -> None:
        save(state, self.weights / f"{trial.id}.safetensors")

    def holds(self, trial: Trial) -> bool:
        return (self.weights / f"{trial.id}.safetensors").exists()

    def load_weights(self, trials: Sequence[Trial]) -> list[State]:
        """State dicts of trials that are on the front, or were when their models were merged."""
        from safetensors.torch import load_file

        for trial in trials:
            if not self.holds(trial):
                raise MergeError(
                    f"trial {trial.id}",
                    expected=f"its weights in {self.weights}",
                    got="no file",
                    hint="Without them it cannot be merged; train the study again with --fresh.",
                )
        return [load_file(self.weights / f"{trial.id}.safetensors") for trial in trials]

    def tidy(self, checkpoints: Collection[str], kept: Collection[str]) -> None:
        """Remove all checkpoints but these, and the weights of trials whose id is not ``kept``."""
        for path in self.checkpoints.glob("*.safetensors"):
            if path.stem not in checkpoints:
                path.unlink(missing_ok=True)
        for path in self.weights.glob("*.safetensors"):
            if path.stem not in kept:
                path.unlink(missing_ok=True)


def save(tensors: State, path: Path) -> None:
    """safetensors, whole or not at all."""
    from safetensors.torch import save as serialise

    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        file.write(serialise({key: value.contiguous() for key, value in tensors.items()}))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
