import numpy as np
import pytest
import torch

from search.errors import MergeError
from search.pareto.merge.dare import merge
from search.pareto.merge.task_arithmetic import merge as add

N = 20_000


def models(seed, k, n=N):
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(n, generator=generator, dtype=torch.float64)
    return {"w": base}, [{"w": base + torch.randn(n, generator=generator, dtype=torch.float64)} for _ in range(k)]


def step(base, state, **settings):
    """What is left of a member's task vector, over what it was: 0 or 1 / (1 - drop)."""
    found = merge(base, [state], [1.0], **settings)
    return ((found["w"] - base["w"]) / (state["w"] - base["w"])).numpy()


@pytest.mark.parametrize("drop", [0.1, 0.5, 0.9, 0.99])
def test_the_stated_share_is_dropped_and_the_rest_is_rescaled(drop):
    base, (state,) = models(0, 1)
    ratio = step(base, state, drop=drop)
    kept = np.abs(ratio) > 1e-9
    np.testing.assert_allclose(ratio[kept], 1 / (1 - drop), rtol=1e-9)
    assert abs(kept.mean() - (1 - drop)) < 4 * np.sqrt(drop * (1 - drop) / N)


def test_what_all_drop_is_the_base_bit_by_bit():
    base, states = models(1, 2)
    found = merge(base, states, [0.7, 0.4], drop=0.9)["w"]
    untouched = (step(base, states[0], drop=0.9) == 0) & (step(base, states[1], drop=0.9) == 0)
    assert 0.79 < untouched.mean() < 0.83
    assert torch.equal(found[torch.tensor(untouched)], base["w"][torch.tensor(untouched)])


def test_the_mean_over_seeds_is_task_arithmetic():
    base, states = models(2, 2, n=50)
    draws = [merge(base, states, [0.3, 0.8], drop=0.5, seed=seed)["w"] for seed in range(2000)]
    deviation = (0.09 * (states[0]["w"] - base["w"]) ** 2 + 0.64 * (states[1]["w"] - base["w"]) ** 2).sqrt()
    gap = torch.stack(draws).mean(0) - add(base, states, [0.3, 0.8])["w"]
    assert (gap.abs() < 5 * deviation / 2000**0.5).all()


def test_members_are_thinned_out_independently():
    base, states = models(3, 2)
    kept = [step(base, state, drop=0.5) != 0 for state in states]
    assert abs((kept[0] & kept[1]).mean() - 0.25) < 0.015
    same = {"a": base["w"], "b": base["w"].clone()}
    moved = {"a": states[0]["w"], "b": states[0]["w"].clone()}
    found = merge(same, [moved], [1.0], drop=0.5)
    assert abs(((found["a"] != base["w"]) & (found["b"] != base["w"])).double().mean() - 0.25) < 0.015


def test_masks_follow_the_seed_and_neither_coefficients_nor_company():
    base, states = models(4, 3)
    alone = merge(base, [states[1]], [1.0], drop=0.9)["w"] - base["w"]
    among = merge(base, states, [0.0, 0.25, 0.0], drop=0.9)["w"] - base["w"]
    torch.testing.assert_close(among, 0.25 * alone, rtol=1e-9, atol=1e-12)
    other = merge(base, [states[1]], [1.0], drop=0.9, seed=1)["w"] - base["w"]
    assert 0.15 < ((alone != 0) != (other != 0)).double().mean() < 0.21  # 2 p (1 - p)


def test_it_is_linear_in_the_coefficients():
    base, states = models(5, 2)
    parts = [merge(base, states, c)["w"] - base["w"] for c in ([0.4, 0.0], [0.0, 0.9], [0.4, 0.9])]
    torch.testing.assert_close(parts[0] + parts[1], parts[2])


def test_if_nothing_is_dropped_it_is_task_arithmetic():
    base, states = models(6, 3)
    found = merge(base, states, [0.3, 0.2, 0.9], drop=0.0)
    torch.testing.assert_close(found, add(base, states, [0.3, 0.2, 0.9]), rtol=1e-13, atol=1e-14)


def test_no_coefficients_and_no_task_vectors_give_the_base_bit_by_bit():
    base, states = models(7, 2)
    assert torch.equal(merge(base, states, [0.0, 0.0])["w"], base["w"])
    assert torch.equal(merge(base, [base, base], [0.5, 1.0])["w"], base["w"])


def test_the_masks_of_a_stored_study_stay():
    """Merges are made again from their coefficients, so these draws must never change."""
    base, state = {"w": torch.zeros(12)}, {"w": torch.ones(12)}
    expected = [0, 2, 0, 0, 2, 0, 0, 2, 0, 2, 2, 2]
    assert merge(base, [state], [1.0], drop=0.5, seed=3)["w"].tolist() == expected


@pytest.mark.parametrize("drop", [-0.1, 1.0, float("nan")])
def test_a_drop_that_is_no_probability_below_one_is_refused(drop):
    base, states = models(0, 1, n=2)
    with pytest.raises(MergeError, match=r"drop: expected a probability below 1, got (-0\.1|1\.0|nan)"):
        merge(base, states, [1.0], drop=drop)


def test_a_missing_base_is_refused():
    with pytest.raises(MergeError, match=r"base: expected a base to take task vectors from\. Or merge them with lin"):
        merge(None, models(0, 1, n=2)[1], [1.0])
