import numpy as np
import pytest
import torch

from search.errors import MergeError
from search.pareto.merge.task_arithmetic import merge as add
from search.pareto.merge.ties import merge


def models(seed, k, dtype=torch.float64):
    rng = np.random.default_rng(seed)
    shapes = {"a": (6, 5), "b": (7,), "c": ()}
    return [{name: torch.tensor(rng.standard_normal(shape)).to(dtype) for name, shape in shapes.items()}
            for _ in range(k + 1)]  # fmt: skip


def flat(model):
    return np.concatenate([tensor.double().numpy().ravel() for tensor in model.values()])


def by_definition(base, states, coefficients, density, average):
    """Entry by entry on one flat vector."""
    start = flat(base)
    vectors = np.array([flat(state) - start for state in states])
    kept = round(density * vectors.shape[1])
    for vector in vectors:
        vector[np.argsort(-np.abs(vector))[kept:]] = 0.0
    found = start.copy()
    for p in range(vectors.shape[1]):
        votes = [c * vector[p] for c, vector in zip(coefficients, vectors, strict=True)]
        elected = np.sign(sum(votes))
        agreeing = [i for i, vote in enumerate(votes) if elected != 0 and np.sign(vote) == elected]
        moved = sum(votes[i] for i in agreeing)
        if average == "mean" and agreeing:
            moved *= sum(coefficients) / sum(coefficients[i] for i in agreeing)
        found[p] += moved
    return found


def algorithm_1(base, states, density, scale):
    """The paper's: theta_0 + lambda times the mean of the trimmed task vectors that have the elected sign."""
    start = flat(base)
    vectors = np.array([flat(state) - start for state in states])
    cuts = np.sort(np.abs(vectors), axis=1)[:, -round(density * vectors.shape[1])]
    vectors *= np.abs(vectors) >= cuts[:, None]
    agree = np.sign(vectors) == np.sign(vectors.sum(0))
    return start + scale * np.divide((vectors * agree).sum(0), (agree & (vectors != 0)).sum(0).clip(1))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("density", [0.1, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("average", ["sum", "mean"])
def test_it_is_what_its_formulas_say(average, k, density, seed):
    base, *states = models(seed, k)
    coefficients = np.random.default_rng(seed).random(k).tolist()
    found = merge(base, states, coefficients, density=density, average=average)
    expected = by_definition(base, states, coefficients, density, average)
    np.testing.assert_allclose(flat(found), expected, rtol=1e-13, atol=1e-14, err_msg=f"{seed=}")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("density", [0.2, 0.6])
@pytest.mark.parametrize("scale", [0.7, 1.0, 1.8])
def test_the_mean_at_even_coefficients_is_the_algorithm_of_the_paper(scale, density, seed):
    base, *states = models(seed, 4)
    found = merge(base, states, [scale / 4] * 4, density=density, average="mean")
    expected = algorithm_1(base, states, density, scale)
    np.testing.assert_allclose(flat(found), expected, rtol=1e-13, atol=1e-14, err_msg=f"{seed=}")


def test_a_sum_and_a_mean_by_hand():
    base = {"w": torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0])}
    tau = [[4.0, 2.0, -1.0, 0.5, 3.0], [2.0, -3.0, 1.0, 0.25, 0.0], [-1.0, 2.0, 0.0, -8.0, 0.0]]
    states = [{"w": base["w"] + torch.tensor(row)} for row in tau]
    # signs of the masses 5, 1, 0, -7.25, 3; the agreeing sum to 6, 4, 0, -8, 3
    assert merge(base, states, [1.0, 1.0, 1.0], density=1.0)["w"].tolist() == [7.0, 5.0, 1.0, -7.0, 4.0]
    # a third each: means of 3, 2, none, -8, 3
    thirds = merge(base, states, [1 / 3] * 3, density=1.0, average="mean")["w"]
    assert thirds.tolist() == pytest.approx([4.0, 3.0, 1.0, -7.0, 4.0])


def test_trimming_is_over_the_whole_model_and_counts_tied_tensors_once():
    base = {name: torch.zeros(2) for name in ("large", "small")}
    state = {"large": torch.tensor([9.0, 8.0]), "small": torch.tensor([2.0, 1.0])}
    found = merge(base, [state], [1.0], density=0.5)
    assert found["large"].tolist() == [9.0, 8.0] and found["small"].tolist() == [0.0, 0.0]
    base["tied"], state["tied"] = base["large"], state["large"]
    found = merge(base, [state], [1.0], density=0.75)
    assert found["small"].tolist() == [2.0, 0.0] and found["tied"].tolist() == [9.0, 8.0]


def test_entries_that_are_equal_at_the_cut_are_all_kept_and_one_always_is():
    base, state = {"w": torch.zeros(4)}, {"w": torch.tensor([1.0, -1.0, 1.0, 0.5])}
    assert merge(base, [state], [1.0], density=0.25)["w"].tolist() == [1.0, -1.0, 1.0, 0.0]
    assert merge(base, [{"w": torch.tensor([1.0, 2.0, 3.0, 4.0])}], [1.0], density=0.01)["w"].tolist() == [0, 0, 0, 4]


def test_without_conflict_and_overlap_it_is_task_arithmetic():
    base = {"w": torch.full((4,), 2.0)}
    states = [{"w": torch.tensor([3.0, 5.0, 2.0, 2.0])}, {"w": torch.tensor([2.0, 2.0, -7.0, 2.5])}]
    torch.testing.assert_close(merge(base, states, [0.3, 0.9], density=1.0), add(base, states, [0.3, 0.9]))


def test_a_member_alone_that_is_not_trimmed_is_given_back():
    base, state = models(0, 1)
    torch.testing.assert_close(merge(base, [state], [1.0], density=1.0), state, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("average", ["sum", "mean"])
def test_twice_the_coefficients_are_twice_the_step(average):
    base, *states = models(1, 3)
    one, two = (merge(base, states, [f * 0.2, f * 0.9, f * 0.1], average=average) for f in (1, 2))
    np.testing.assert_allclose(flat(two) - flat(base), 2 * (flat(one) - flat(base)), rtol=0, atol=1e-13)


def test_a_sum_fades_a_member_out_and_a_mean_does_not():
    base, *states = models(1, 2)
    for average, largest in (("sum", 1e-8), ("mean", 5.0)):
        at, near = (flat(merge(base, states, [1.0, c], average=average)) for c in (0.0, 1e-9))
        assert (np.abs(near - at).max() > 0.5) == (average == "mean") and np.abs(near - at).max() < largest


def test_no_coefficients_and_no_task_vectors_give_the_base_bit_by_bit():
    base, *states = models(2, 2, torch.float32)
    for found in (merge(base, states, [0.0, 0.0]), merge(base, [base, base], [0.5, 1.0])):
        assert all(torch.equal(found[name], base[name]) for name in base)


def test_models_without_floats_are_the_base():
    assert merge({"n": torch.tensor(3)}, [{"n": torch.tensor(4)}], [1.0])["n"].item() == 3


@pytest.mark.parametrize("density", [0.0, 1.5, float("nan")])
def test_a_density_that_is_no_share_is_refused(density):
    base, *states = models(0, 2)
    with pytest.raises(MergeError, match=r"density: expected a share above 0 and at most 1, got (0\.0|1\.5|nan)"):
        merge(base, states, [0.5, 0.5], density=density)


def test_other_settings_are_refused_by_name():
    base, *states = models(0, 2)
    with pytest.raises(MergeError, match=r"average: expected 'sum' or 'mean', got 'median'"):
        merge(base, states, [0.5, 0.5], average="median")
    with pytest.raises(MergeError, match=r"coefficients: expected none below 0, got \[0\.5, -0\.5\]"):
        merge(base, states, [0.5, -0.5])


def test_a_missing_base_is_refused():
    with pytest.raises(MergeError, match=r"base: expected a base to take task vectors from\. Or merge them with lin"):
        merge(None, models(0, 1)[1:], [1.0])
