"""What all trials share (a teacher, a base) is trained once and kept under the hash of its recipe.

A file is written beside its place and renamed, so a reader sees all of it or none. It carries the sha256 of
its content; a file that does not match, or does not open, is made again.

    cached(cache, name, recipe, make)                  a state dict by its recipe
    features(cache, name, recipe, function, inputs)    what a frozen model makes of a data set, by their content
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

logger = logging.getLogger(__name__)


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """sha256 (hex) of names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def cached(cache: Path, name: str, recipe: Mapping, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The state dict made by `make()`, from `cache` when this recipe (plain data) was made before."""
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
    path = Path(cache) / f"{name}-{key[:24]}.safetensors"
    state = _read(path)
    if state is None:
        state = {key: tensor.detach().cpu().contiguous() for key, tensor in make().items()}
        _write(path, state)
    return state


def features(
    cache: Path, name: str, recipe: Mapping, function: Callable[[Tensor], Tensor], inputs: Tensor, *, chunk: int = 64
) -> Tensor:
    """`function(inputs)` (n, ...) for inputs (n, ...), computed `chunk` examples at a time, once.

    `recipe` (plain data) says which function it is: for a frozen model the fingerprint of its weights.
    """

    @torch.no_grad()
    def make() -> dict[str, Tensor]:
        return {"features": torch.cat([function(part) for part in inputs.split(chunk)])}

    return cached(cache, name, {**recipe, "inputs": fingerprint({"inputs": inputs})}, make)["features"]


def _read(path: Path) -> dict[str, Tensor] | None:
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            state, expected = {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except SafetensorError as error:
        logger.warning("%s: not readable (%s), made again", path, error)
        return None
    if fingerprint(state) != expected.get("sha256"):
        logger.warning("%s: content does not match its sha256, made again", path)
        return None
    return state


def _write(path: Path, state: dict[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    os.close(handle)
    try:
        save_file(state, temporary, metadata={"sha256": fingerprint(state)})
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
