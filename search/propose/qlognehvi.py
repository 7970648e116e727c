"""BoTorch as it stands: a SingleTaskGP of each loss and limit, and qLogNEHVI (Daulton et al. 2021; Ament et al. 2023).

Beyond ``FRONTIER`` objectives its boxes take too much memory, and qLogNParEGO (Knowles 2006; Daulton et al. 2020) takes
its place. What is new to BoTorch is the space: its models see the features of `_features`, the acquisition is climbed
through the tree by `_seek`, and a point counts times the probability that its training succeeds. The field's standard
beside our ``ehvi``, which is faster and has a model of its own; it is what the benchmark compares with.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from botorch.acquisition.multi_objective import logei, parego
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.exceptions.errors import BotorchError, ModelFittingError
from botorch.exceptions.warnings import BotorchWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.sampling.normal import SobolQMCNormalSampler
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.utils.warnings import GPInputWarning
from linear_operator.utils.errors import NanError, NotPSDError
from linear_operator.utils.warnings import NumericalWarning
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from search.propose import generator, pending, points
from search.propose._belief import Belief, alone, believe, neighbours
from search.propose._seek import pool, seek
from search.space import Params, Space
from search.trial import Trial

SPACE = {
    "start": {"low": 0, "high": 1000, "integer": True, "default": 0},
    "draws": {"low": 8, "high": 512, "integer": True, "default": 64},
}

FRONTIER = 4
UNFIT = (BotorchError, ModelFittingError, NotPSDError, NanError, torch.linalg.LinAlgError)  # type: ignore[attr-defined]


def propose(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    start: int = 0,
    draws: int = 64,
) -> list[Params]:
    """The next q params; ``reference`` (m,): the worst losses that count."""
    with alone():
        belief = believe(space, trials, q, seed=seed, reference=reference, start=start)
        if isinstance(belief, list):
            return belief
        rng = generator(seed, trials)
        with _quiet(int(rng.integers(2**62))):
            try:
                return _pick(belief, trials, q, reference, draws, rng)
            except UNFIT:
                return neighbours(space, [trial.params for trial in belief.front], q, rng)


def _pick(
    belief: Belief, trials: Sequence[Trial], q: int, reference: NDArray[np.float64], draws: int, rng: Generator
) -> list[Params]:
    variances = belief.seen.variances
    # BoTorch's models of several outputs take no value as unknown, so what has one is left out
    rows = slice(None) if variances is None else torch.from_numpy(np.isfinite(variances).all(axis=1))
    at, values = belief.at[rows], -torch.from_numpy(belief.seen.values)[rows]  # BoTorch maximises
    model = SingleTaskGP(at, values, outcome_transform=Standardize(values.shape[1]))
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    layout = belief.layout
    taken = {layout.key(trial.params) for trial in points(trials)}
    waiting = [trial.params for trial in pending(trials)]
    found = pool(layout, [trial.params for trial in belief.front], rng)
    picked: list[Params] = []
    while len(picked) < q:
        several = [*waiting, *picked]
        acquisition = _acquisition(model, at, len(reference), reference, draws, rng)
        if several:
            acquisition.set_X_pending(layout(several))

        def worth(features: Tensor, acquisition: Any = acquisition) -> Tensor:
            value: Tensor = acquisition(features.unsqueeze(1))
            return value + belief.likely(features)

        with torch.no_grad():
            value = torch.cat([worth(part) for part in torch.split(layout(found), 128)])
        best = seek(layout, worth, found, value, taken, rng)
        taken.add(layout.key(best))
        picked.append(best)
    return picked


def _acquisition(
    model: SingleTaskGP, at: Tensor, m: int, reference: NDArray[np.float64], draws: int, rng: Generator
) -> Any:
    sampler = SobolQMCNormalSampler(torch.Size([draws]), seed=int(rng.integers(2**31)))
    limits = model.num_outputs - m
    told: dict[str, Any] = {
        "model": model, "X_baseline": at, "sampler": sampler, "prune_baseline": True,
        "objective": IdentityMCMultiOutputObjective(outcomes=list(range(m))),
        # a violation was signed with the losses, so a limit holds where what BoTorch sees of it is at least 0
        "constraints": [lambda values, place=m + i: -values[..., place] for i in range(limits)] or None,
    }  # fmt: skip
    if m > FRONTIER or m == 1:
        return parego.qLogNParEGO(**told)
    return logei.qLogNoisyExpectedHypervolumeImprovement(ref_point=torch.from_numpy(-reference), **told)


@contextmanager
def _quiet(seed: int) -> Iterator[None]:
    """torch's random stream set aside, no word of nearly singular matrices, and no compiler: BoTorch would build a
    kernel at the first acquisition, which takes minutes, and waits for ever on the lock of one that was killed."""
    before = getattr(logei, "_load_attempted", None)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        for category in (BotorchWarning, NumericalWarning, GPInputWarning):
            warnings.simplefilter("ignore", category)
        warnings.filterwarnings("ignore", "Sparse invariant checks")
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach CUDA's too
        if before is not None:
            logei._load_attempted = True
        try:
            yield
        finally:
            if before is not None:
                logei._load_attempted = before
