import torch

from search.pareto.merge.tensors import kinship, weighted_sum


def test_kinship_tells_fine_tunings_from_models_that_started_apart():
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(200, 100, generator=generator)
    tuned = {"w": base + 0.05 * torch.randn(200, 100, generator=generator), "bias": torch.full((9,), 100.0)}
    stranger = {"w": torch.randn(200, 100, generator=generator), "bias": torch.full((9,), 100.0)}
    found = kinship([{"w": base, "bias": torch.full((9,), 100.0)}, tuned, stranger])
    assert found.shape == (3, 3) and torch.equal(found, found.T)
    assert found[0, 1] > 0.99 and found[0, 2].abs() < 0.05


def test_kinship_of_zeros_is_zero():
    assert kinship([{"w": torch.zeros(2, 2)}] * 2).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_complex_tensors_are_summed_as_such():
    model = {"w": torch.tensor([1 + 2j])}
    assert weighted_sum([model, model], [0.5, 1.0])["w"].item() == 1.5 + 3j


def test_factors_of_nothing_give_zeros():
    assert weighted_sum([{"w": torch.ones(2)}], [0.0])["w"].tolist() == [0.0, 0.0]
