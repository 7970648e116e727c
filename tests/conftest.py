"""For every test: one thread a process, and a random generator whose seed is shown when the test fails."""

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from numpy.random import Generator

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # read when torch is imported, here and in subprocesses
    os.environ.setdefault(variable, "1")


@pytest.fixture
def rng() -> "Generator":
    """Another seed every time. A failing test shows it, and ``SEARCH_TEST_SEED=... pytest`` draws the same again."""
    import numpy as np

    seed = int(os.environ.get("SEARCH_TEST_SEED") or np.random.SeedSequence().generate_state(1)[0])
    print(f"SEARCH_TEST_SEED={seed}")
    return np.random.default_rng(seed)
