"""What every measure in the folder obeys; a new file is held to it from the moment it exists."""

import ast
import importlib
import inspect
import math
import pkgutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch.overrides import TorchFunctionMode

import objectives.measures as folder

NAMES = sorted(found.name for found in pkgutil.iter_modules(folder.__path__))
BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
K, N, C = 7, 257, 10


@pytest.fixture(params=NAMES)
def module(request):
    return importlib.import_module(f"{folder.__name__}.{request.param}")


def outputs_of(rows, dtype=torch.float64):
    """All that a trainer may report of a population of `rows`, with every row of its own kind."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, N, C, dtype=torch.float64, generator=generator)
    logits *= torch.linspace(0.1, 20, rows, dtype=torch.float64)[:, None, None]
    logits[:, :20] = logits[:, :20].round()
    return {
        "logits": logits.to(dtype),
        "labels": torch.randint(C, (rows, N), generator=generator),
        "reference_logits": torch.randn(rows, N, C, dtype=torch.float64, generator=generator).to(dtype),
        "seconds": torch.rand(rows, dtype=torch.float64, generator=generator).to(dtype),
        "parameters": torch.randint(1000, (rows,), generator=generator).to(dtype),
    }


class Reads(Mapping):
    """A mapping that remembers which of its names were read."""

    def __init__(self, outputs):
        self.outputs, self.names = outputs, set()

    def __getitem__(self, name):
        self.names.add(name)
        return self.outputs[name]

    def __iter__(self):
        return iter(self.outputs)

    def __len__(self):
        return len(self.outputs)


class Operations(TorchFunctionMode):
    """Counts the calls of torch that are made inside it."""

    count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.count += 1
        return function(*args, **(kwargs or {}))


def test_a_file_declares_what_it_needs_and_how_it_is_read_as_literals(module):
    tree = ast.parse(Path(module.__file__).read_text())
    values = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    needs, unit, direction, (best, worst), space = (
        ast.literal_eval(values[name]) for name in ("NEEDS", "UNIT", "DIRECTION", "LIMITS", "SPACE")
    )
    assert needs and all(isinstance(name, str) for name in needs)
    assert isinstance(unit, str) and unit
    assert direction in ("min", "max")
    assert math.isfinite(best) and math.isfinite(worst)
    assert best < worst if direction == "min" else best > worst
    outputs, *settings = inspect.signature(module.measure).parameters.values()
    assert outputs.name == "outputs"
    defaults = {name: bounds["default"] for name, bounds in space.items()}
    assert {s.name: s.default for s in settings} == defaults
    assert all(s.kind is inspect.Parameter.KEYWORD_ONLY for s in settings)


def test_it_reads_what_it_says_it_needs_and_nothing_else(module):
    outputs = Reads(outputs_of(K))
    module.measure(outputs)
    assert outputs.names == set(module.NEEDS)


@BOTH
def test_it_gives_one_finite_value_a_row_in_the_type_of_the_logits(module, dtype):
    values = module.measure(outputs_of(K, dtype))
    assert values.shape == (K,) and values.dtype is dtype
    assert values.isfinite().all() and values.unique().numel() == K


@BOTH
def test_a_row_alone_is_bit_equal_to_the_row_in_a_stack(module, dtype):
    outputs = outputs_of(K, dtype)
    stacked = module.measure(outputs)
    for row in range(K):
        alone = module.measure({name: values[row : row + 1] for name, values in outputs.items()})
        assert torch.equal(stacked[row : row + 1], alone), f"{row=}"


def test_what_all_rows_share_may_come_without_the_row_axis(module):
    outputs = outputs_of(K)
    shared = {name: outputs[name][0] for name in ("labels", "reference_logits")}
    repeated = {name: values.expand(K, *values.shape) for name, values in shared.items()}
    assert torch.equal(module.measure(outputs | shared), module.measure(outputs | repeated))


def test_many_rows_take_as_many_operations_as_one(module):
    single, population = outputs_of(1), outputs_of(50)
    with Operations() as one:
        module.measure(single)
    with Operations() as many:
        module.measure(population)
    assert one.count == many.count


def test_it_leaves_its_outputs_as_they_were(module):
    outputs = outputs_of(K)
    kept = {name: values.clone() for name, values in outputs.items()}
    module.measure(outputs)
    assert all(torch.equal(outputs[name], kept[name]) for name in outputs)


@BOTH
def test_it_is_finite_for_extreme_logits(module, dtype):
    outputs = outputs_of(K, dtype)
    extreme = {name: outputs[name].sign() * 1e4 for name in ("logits", "reference_logits")}
    assert module.measure(outputs | extreme).isfinite().all()


def test_its_values_are_no_better_than_its_best_limit(module):
    sign = 1 if module.DIRECTION == "min" else -1
    assert (sign * module.measure(outputs_of(K)) >= sign * module.LIMITS[0]).all()
