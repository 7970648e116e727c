"""`member`: every divergence in the folder, at the lowest, the default and the highest of its settings."""

import importlib
import pkgutil
from dataclasses import dataclass

import pytest
import torch

import objectives.divergences as folder


@dataclass(frozen=True)
class Member:
    name: str
    settings: dict

    @property
    def module(self):
        return importlib.import_module(f"{folder.__name__}.{self.name}")

    def __call__(self, p_logits, q_logits, **settings):
        return self.module.divergence(p_logits, q_logits, **{**self.settings, **settings})

    def __str__(self):
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.settings.items())])


def _members():
    for name in sorted(found.name for found in pkgutil.iter_modules(folder.__path__)):
        space = Member(name, {}).module.SPACE
        for end in ("low", "default", "high") if space else ("default",):
            yield Member(name, {key: bounds[end] for key, bounds in space.items()})


MEMBERS = list(_members())


@pytest.fixture(params=MEMBERS, ids=str)
def member(request):
    return request.param


@pytest.fixture(params=[m for m in MEMBERS if "order" in m.settings], ids=str)
def ordered_member(request):
    return request.param


@pytest.fixture
def members():
    return MEMBERS


@pytest.fixture
def logits():
    """Two stacks of float64 scores (64, 6), from nearly equal to far apart, the last rows with ties."""
    generator = torch.Generator().manual_seed(0)
    p_logits, q_logits = torch.randn(2, 64, 6, dtype=torch.float64, generator=generator)
    q_logits[:8] = p_logits[:8] + 0.01 * q_logits[:8]
    p_logits[32:] *= 3
    p_logits[56:], q_logits[56:] = p_logits[56:].round(), q_logits[56:].round()
    return p_logits, q_logits
