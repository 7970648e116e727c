import importlib

import pytest
import torch

from trainers.distance import distance

# in runs, as inside one optimizer, and scattered, as across optimizers
CHOICES = {
    "sorted": ["alpha", "alpha", "forward_kl", "reverse_kl"],
    "scattered": ["reverse_kl", "alpha", "forward_kl", "alpha"],
    "one": ["alpha"],
}


@pytest.mark.parametrize("names", CHOICES.values(), ids=CHOICES)
def test_every_row_has_the_divergence_and_the_order_that_it_chose(names):
    generator = torch.Generator().manual_seed(0)
    shape = (len(names), 5, 7)
    target, model = (torch.randn(shape, dtype=torch.float64, generator=generator) for _ in range(2))
    model.requires_grad_()
    choices = [{"name": name} | ({"order": 0.3 + i} if name == "alpha" else {}) for i, name in enumerate(names)]
    column = lambda values: torch.tensor(values, dtype=torch.float64)[:, None]  # noqa: E731
    found = distance(choices, column)(target, model)
    assert found.shape == (len(names), 5)
    (slope,) = torch.autograd.grad(found.sum(), model)
    for i, choice in enumerate(choices):
        own = {key: value for key, value in choice.items() if key != "name"}
        alone = model[i].detach().requires_grad_()
        expected = importlib.import_module(f"objectives.divergences.{choice['name']}").divergence(
            target[i], alone, **own
        )
        torch.testing.assert_close(found[i], expected, rtol=0, atol=1e-13)
        torch.testing.assert_close(slope[i], torch.autograd.grad(expected.sum(), alone)[0], rtol=0, atol=1e-13)
