"""BoTorch's acquisition: that it is BoTorch's, that nothing is compiled, and that it is worth its time."""

from statistics import median

import numpy as np
import pytest
from botorch.acquisition.multi_objective import logei

from search.propose import qlognehvi
from tests.search.propose.worlds import MIXED, REAL, finished, history, search, volume, zdt1


def ask(space, trials, q=1, m=2):
    return qlognehvi.propose(space, trials, q, seed=0, reference=np.full(m, 2.0), start=4, draws=16)


def test_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch.utils.cpp_extension

    def refuse(*args: object, **known: object) -> None:
        raise AssertionError("a compiler was asked for")

    for name in ("load", "load_inline", "_jit_compile"):
        monkeypatch.setattr(torch.utils.cpp_extension, name, refuse)
    before = logei._load_attempted
    assert len(ask(MIXED, history(MIXED, 12, 2), 2)) == 2
    assert logei._load_attempted is before and logei._C is None


@pytest.mark.parametrize("m, kind", [(2, "qLogNoisyExpectedHypervolumeImprovement"), (5, "qLogNParEGO")])
def test_the_number_of_objectives_chooses(m: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[str] = []
    original = qlognehvi._acquisition
    monkeypatch.setattr(
        qlognehvi, "_acquisition", lambda *told: kinds.append(type(made := original(*told)).__name__) or made
    )
    assert len(ask(MIXED, history(MIXED, 10, m), 1, m)) == 1
    assert kinds == [kind]


def test_it_keeps_to_its_limits() -> None:
    rng, trials = np.random.default_rng(0), []
    for number in range(24):
        params = REAL.sample(rng)
        trials.append(finished(number, params, (params["x0"], params["x1"]), (0.5 - params["x0"], params["x1"] - 2.0)))
    for params in ask(REAL, trials, 2):
        assert params["x0"] > 0.45


@pytest.mark.slow
def test_a_short_search_reaches_more_than_as_many_blind_trials() -> None:
    def reached(name: str) -> float:
        runs = [search(name, REAL, zdt1, 20, seed=seed, reference=(1.1, 6.0), q=2) for seed in range(3)]
        return median(volume(trials, (1.1, 6.0)) for trials in runs)

    assert reached("qlognehvi") > reached("random") + 0.1
