"""Every measure against a loop over its definition, sklearn, and predictions whose value is known."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, log_loss

from objectives.measures import brier, ece, error, kl_to_reference, nll, parameters, seconds

K, N, C = 5, 200, 4


@pytest.fixture
def outputs():
    """Rows from timid to sure of themselves, with ties, and labels that the logits know something of."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(C, (N,), generator=generator)
    logits = torch.randn(K, N, C, dtype=torch.float64, generator=generator)
    logits += torch.nn.functional.one_hot(labels, C)
    logits *= torch.tensor([0.01, 0.5, 1, 3, 10], dtype=torch.float64)[:, None, None]
    logits[:, :50] = logits[:, :50].round()
    reference_logits = torch.randn(N, C, dtype=torch.float64, generator=generator)
    return {"logits": logits, "labels": labels, "reference_logits": reference_logits}


def predictions(outputs):
    """Row by row: (probabilities (n, c), labels (n,)), in NumPy and by the plain definition of softmax."""
    powers = np.exp(outputs["logits"].numpy())
    return [(row / row.sum(-1, keepdims=True), outputs["labels"].numpy()) for row in powers]


def error_by_loop(laws, labels):
    wrong = 0
    for law, label in zip(laws, labels, strict=True):
        first_best = next(c for c in range(len(law)) if law[c] == max(law))
        wrong += first_best != label
    return wrong / len(labels)


def nll_by_loop(laws, labels):
    return sum(-math.log(law[label]) for law, label in zip(laws, labels, strict=True)) / len(labels)


def brier_by_loop(laws, labels):
    total = 0.0
    for law, label in zip(laws, labels, strict=True):
        total += sum((law[c] - (c == label)) ** 2 for c in range(len(law)))
    return total / len(labels)


def ece_by_loop(laws, labels, bins=15):
    total = 0.0
    for b in range(1, bins + 1):
        inside = [i for i, law in enumerate(laws) if (b - 1) / bins < max(law) <= b / bins]
        if inside:
            accuracy = sum(np.argmax(laws[i]) == labels[i] for i in inside) / len(inside)
            confidence = sum(max(laws[i]) for i in inside) / len(inside)
            total += len(inside) / len(labels) * abs(accuracy - confidence)
    return total


LOOPS = [(error, error_by_loop), (nll, nll_by_loop), (brier, brier_by_loop), (ece, ece_by_loop)]
NAMED = [module.__name__.split(".")[-1] for module, _ in LOOPS]


@pytest.mark.parametrize(("module", "by_loop"), LOOPS, ids=NAMED)
def test_it_is_its_definition(module, by_loop, outputs):
    expected = [by_loop(laws, labels) for laws, labels in predictions(outputs)]
    np.testing.assert_allclose(module.measure(outputs).numpy(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("module", "by_loop"), LOOPS, ids=NAMED)
def test_each_row_may_have_labels_of_its_own(module, by_loop, outputs):
    labels = torch.stack([outputs["labels"].roll(row) for row in range(K)])
    laws = [law for law, _ in predictions(outputs)]
    expected = [by_loop(law, own) for law, own in zip(laws, labels.numpy(), strict=True)]
    values = module.measure(outputs | {"labels": labels})
    np.testing.assert_allclose(values.numpy(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("module", "by_loop"), LOOPS, ids=NAMED)
def test_the_loops_know_nothing_of_what_they_check(module, by_loop, outputs, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a loop called what it checks")

    arrays = predictions(outputs)
    for name in ("softmax", "log_softmax", "argmax", "mean", "sum"):
        monkeypatch.setattr(torch.Tensor, name, refuse)
    monkeypatch.setattr(module, "measure", refuse)
    assert all(math.isfinite(by_loop(laws, labels)) for laws, labels in arrays)


def test_kl_to_reference_is_its_definition_and_goes_from_the_reference_to_the_model(outputs):
    reference = np.exp(outputs["reference_logits"].numpy())
    reference /= reference.sum(-1, keepdims=True)
    expected = [np.mean(np.sum(reference * np.log(reference / laws), -1)) for laws, _ in predictions(outputs)]
    np.testing.assert_allclose(kl_to_reference.measure(outputs).numpy(), expected, rtol=1e-12)


def test_kl_to_reference_is_zero_at_the_reference(outputs):
    at_reference = {"logits": outputs["logits"], "reference_logits": outputs["logits"]}
    assert kl_to_reference.measure(at_reference).tolist() == [0.0] * K


def test_nll_and_brier_are_those_of_sklearn(outputs):
    for row, (laws, labels) in enumerate(predictions(outputs)):
        assert nll.measure(outputs)[row].item() == pytest.approx(log_loss(labels, laws), rel=1e-9)
        expected = brier_score_loss(labels, laws, scale_by_half=False)
        assert brier.measure(outputs)[row].item() == pytest.approx(expected, rel=1e-9)


def sure(labels, shift, classes=10):
    """Scores (1, n, classes) that are certain of the label moved by `shift` classes."""
    return 1e4 * torch.nn.functional.one_hot((labels + shift) % classes, classes).double()[None]


@pytest.mark.parametrize("module", [error, brier, ece, nll], ids=["error", "brier", "ece", "nll"])
def test_certainty_of_the_truth_is_the_best_limit(module):
    labels = torch.arange(10).repeat(3)
    assert module.measure({"logits": sure(labels, 0), "labels": labels}).item() == module.LIMITS[0]


@pytest.mark.parametrize("module", [error, brier, ece], ids=["error", "brier", "ece"])
def test_certainty_of_a_falsehood_is_the_worst_limit(module):
    labels = torch.arange(10).repeat(3)
    assert module.measure({"logits": sure(labels, 1), "labels": labels}).item() == module.LIMITS[1]


def test_certainty_of_a_falsehood_costs_the_whole_margin_in_nll():
    labels = torch.arange(10)
    assert nll.measure({"logits": sure(labels, 1), "labels": labels}).item() == 1e4


def test_the_limit_in_nats_is_knowing_nothing_of_ten_classes():
    labels = torch.arange(10)
    knows_nothing = {"logits": torch.zeros(1, 10, 10), "labels": labels, "reference_logits": sure(labels, 0)}
    assert nll.measure(knows_nothing).item() == pytest.approx(nll.LIMITS[1], abs=1e-6)
    assert kl_to_reference.measure(knows_nothing).item() == pytest.approx(kl_to_reference.LIMITS[1], abs=1e-6)


def test_a_tie_for_the_first_place_goes_to_the_lowest_class():
    logits = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    tied = {"logits": logits, "labels": torch.tensor([1, 1, 0, 2])}
    assert error.measure(tied).item() == 0.5
    right_as_often_as_claimed = {"logits": torch.zeros(1, 4, 2), "labels": torch.tensor([0, 0, 1, 1])}
    assert ece.measure(right_as_often_as_claimed).item() == 0.0


def test_ece_is_zero_for_a_calibrated_model_and_the_gap_for_one_that_is_not():
    logits = torch.tensor([0.75, 0.25], dtype=torch.float64).log().expand(1, 8, 2)
    assert ece.measure({"logits": logits, "labels": torch.tensor([0] * 6 + [1] * 2)}).item() < 1e-15
    gap = ece.measure({"logits": logits, "labels": torch.tensor([0] * 3 + [1] * 5)}).item()
    assert gap == pytest.approx(0.75 - 3 / 8)


@pytest.mark.parametrize(("bins", "expected"), [(1, 0.125), (2, 0.375), (4, 0.375)])
def test_ece_closes_a_bin_on_the_right(bins, expected):
    # Confidence 1/2 and wrong, 3/4 and right: in one bin +1/2 and -1/4 cancel, in two they add up.
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0], [math.log(3), 0.0], [math.log(3), 0.0]])[None]
    both = {"logits": logits, "labels": torch.tensor([1, 1, 0, 0])}
    assert ece.measure(both, bins=bins).item() == pytest.approx(expected)


@pytest.mark.parametrize("bins", [1, 5, 15, 50])
def test_ece_follows_its_number_of_bins(bins, outputs):
    expected = [ece_by_loop(laws, labels, bins) for laws, labels in predictions(outputs)]
    np.testing.assert_allclose(ece.measure(outputs, bins=bins).numpy(), expected, rtol=1e-12, atol=1e-14)


def test_more_bins_that_split_the_old_ones_never_lower_ece(outputs):
    coarse, fine = ece.measure(outputs, bins=5), ece.measure(outputs, bins=10)
    assert (fine >= coarse - 1e-15).all() and (fine > coarse).any()


def test_a_mean_over_many_examples_keeps_float32_precision():
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(1, 30000, 3, generator=generator)
    labels = torch.zeros(30000, dtype=torch.long)
    exact = nll.measure({"logits": logits.double(), "labels": labels}).item()
    assert nll.measure({"logits": logits, "labels": labels}).item() == pytest.approx(exact, rel=2e-7)


def test_costs_are_read_as_they_were_recorded():
    costs = {"seconds": torch.tensor([0.5, 2.0]), "parameters": torch.tensor([100.0, 7.0])}
    assert seconds.measure(costs).tolist() == [0.5, 2.0]
    assert parameters.measure(costs).tolist() == [100.0, 7.0]
