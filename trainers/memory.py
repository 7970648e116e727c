"""How many bytes a row needs while it trains, and how many there are.

On a CPU rows that advance together should fit its cache, which is where a population wins: 16 MB is half of a
common last-level cache, and at least 4 rows share the cost of issuing an operation, no more than 64 gain.

What a step frees, the next one needs again. By default the C library gives large pieces back to the system and
gets them again, page by page, which took a quarter of a small convolutional network's step; `keep` stops that.
"""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Callable
from functools import cache
from math import log2
from pathlib import Path

import torch
from torch import Tensor

CACHE_BYTES, FEWEST, MOST = 16_000_000, 4, 64
SHARE = 0.6  # of the memory that is free may be used
KILOBYTE = 1024
KEPT_BYTES = 2**30  # of freed memory stay with the process
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3), where it exists


def saved(compute: Callable[[], object]) -> int:
    """Bytes that autograd keeps for the backward pass of `compute()`, each storage counted once."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        compute()
    return sum(storages.values())


@cache
def keep() -> bool:
    """Let this process keep what it frees; whether its C library can. The most in use at once stays as it was."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    setter = getattr(library, "mallopt", None)
    if setter is None:
        return False
    return all(setter(which, KEPT_BYTES) == 1 for which in (TRIM_THRESHOLD, MMAP_THRESHOLD))


def available(device: torch.device) -> int:
    """Bytes that may be used on a device from now on."""
    if device.type == "cuda":
        return int(SHARE * torch.cuda.mem_get_info(device)[0])
    limits = [resource.getrlimit(resource.RLIMIT_AS)[0]]
    free = [limits[0] - _status("VmSize")] if limits[0] != resource.RLIM_INFINITY else []
    table = Path("/proc/meminfo")
    if table.exists():
        lines = dict(line.split(":") for line in table.read_text().splitlines())
        free.append(int(lines["MemAvailable"].split()[0]) * KILOBYTE)
    return int(SHARE * min(free)) if free else 2**40


def used(device: torch.device) -> int:
    """The most bytes in use on a device so far: resident on a CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _status("VmHWM")


def _status(name: str) -> int:
    table = Path("/proc/self/status")
    if not table.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE
    lines = dict(line.split(":", 1) for line in table.read_text().splitlines())
    return int(lines[name].split()[0]) * KILOBYTE


def rows(bytes_per_row: int, free: int, device: torch.device) -> int:
    """How many rows should advance together.

    >>> rows(1_000_000, 10**9, torch.device("cpu")), rows(1_000_000, 10**9, torch.device("cuda"))
    (16, 1000)
    >>> rows(100, 10**9, torch.device("cpu")), rows(10**8, 10**9, torch.device("cpu")), rows(1, 0, torch.device("cpu"))
    (64, 4, 1)
    """
    fit = max(1, free // bytes_per_row)
    if device.type == "cuda":
        return fit
    # the nearest power of two: a grouped convolution of 11 rows takes longer than one of 16
    good = 2 ** round(log2(max(1.0, CACHE_BYTES / bytes_per_row)))
    return min(fit, max(FEWEST, min(MOST, good)))
