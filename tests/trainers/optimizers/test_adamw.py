import torch

from trainers.models.mlp import MLP
from trainers.optimizers import adamw
from trainers.stack import Stack


def test_the_first_step_has_the_length_of_the_learning_rate_whatever_the_gradient():
    """Why the corrections are float64: at age 1 they cancel exactly, m / sqrt(v) = sign(g)."""
    rows, slope = torch.zeros(2, 9), torch.tensor([[1e-3], [1e3]]) * torch.linspace(-1, 2, 9)
    slots = {name: torch.zeros_like(rows) for name in adamw.SLOTS}
    rates = {"learning_rate": torch.full((2, 1), 0.5), "weight_decay": torch.zeros(2, 1)}
    adamw.update(rows, slope, slots, age=torch.ones(2, 1, dtype=torch.float64), layers=(), **rates)
    moved = slope.abs() > 1e-5
    torch.testing.assert_close(rows[moved], -0.5 * slope.sign()[moved], rtol=1e-3, atol=0)


def test_float32_stays_with_float64_over_its_first_steps():
    found = []
    for dtype in (torch.float32, torch.float64):
        model = Stack(MLP((6, 5, 4, 3)))
        rows = model.row(model.init(0)).to(dtype)[None]
        slots = {name: torch.zeros_like(rows) for name in adamw.SLOTS}
        rates = {
            "learning_rate": torch.full((1, 1), 0.01).to(dtype),
            "weight_decay": torch.zeros(1, 1).to(dtype),
        }
        for age in range(1, 11):
            ages = torch.full((1, 1), float(age), dtype=torch.float64)
            adamw.update(rows, rows.sin() + 0.1, slots, age=ages, layers=model.layout, **rates)
        found.append(rows.double())
    assert (found[0] - found[1]).abs().max() < 1e-6
