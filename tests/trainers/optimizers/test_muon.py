import pytest
import torch

from trainers.models.mlp import MLP
from trainers.optimizers import adamw, muon
from trainers.stack import Stack


def matrices(k, rows, columns):
    return torch.randn(k, rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shape", [(8, 8), (4, 9), (9, 4)])
def test_singular_values_come_near_1_and_singular_vectors_stay(shape):
    given = matrices(3, *shape)
    left, _, right = torch.linalg.svd(given, full_matrices=False)
    found = left.mT @ muon.orthogonal(given) @ right.mT
    values = found.diagonal(dim1=-2, dim2=-1)
    assert values.amin() > 0.5 and values.amax() < 1.3
    assert (found - torch.diag_embed(values)).abs().max() < 1e-9


def test_the_scale_of_a_matrix_does_not_matter_and_a_zero_matrix_stays_zero():
    given = matrices(2, 5, 5)
    torch.testing.assert_close(muon.orthogonal(given), muon.orthogonal(1000 * given), rtol=1e-4, atol=1e-5)
    assert not muon.orthogonal(torch.zeros(1, 5, 5)).any()


@pytest.mark.parametrize(("sizes", "same"), [((6, 5, 3), True), ((6, 5, 4, 3), False)])
def test_everything_but_hidden_matrices_is_adamw(sizes, same):
    model, found = Stack(MLP(sizes)), []
    for optimizer in (adamw, muon):
        rows = torch.stack([model.row(model.init(seed)) for seed in range(3)])
        slots = {name: torch.zeros_like(rows) for name in optimizer.SLOTS}
        own = {name: torch.full((3, 1), entry["default"]) for name, entry in optimizer.SPACE.items()}
        own |= {"learning_rate": torch.full((3, 1), 0.01), "weight_decay": torch.full((3, 1), 0.1)}
        for age in (1.0, 2.0):
            ages = torch.full((3, 1), age, dtype=torch.float64)
            optimizer.update(rows, rows.cos(), slots, age=ages, layers=model.layout, **own)
        found.append({layer.name: layer.of(rows) for layer in model.layout})
    differ = {name for name in found[0] if not found[0][name].equal(found[1][name])}
    assert differ == (set() if same else {"2.weight"})
