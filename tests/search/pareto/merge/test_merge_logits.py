"""Composition of logits: a product of the models' laws, and what is known of it on a finite set of answers."""

import numpy as np
import pytest
import torch

from search.pareto.merge.logits import merge


def said(seed, k, shape=(6, 5)):
    generator = torch.Generator().manual_seed(seed)
    return [{"logits": torch.randn(shape, generator=generator, dtype=torch.float64)} for _ in range(k + 1)]


def law(logits):
    return logits["logits"].softmax(-1).numpy()


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_product_of_the_laws_each_to_its_power(seed):
    base, *members = said(seed, 3)
    powers = np.random.default_rng(seed).uniform(-0.5, 1.5, 3)
    expected = law(base) * np.prod([(law(each) / law(base)) ** c for each, c in zip(members, powers, strict=True)], 0)
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(law(merge(base, members, powers.tolist())), expected, rtol=1e-12, err_msg=f"{seed=}")


def test_a_constant_of_a_model_changes_no_law():
    base, *members = said(0, 2)
    moved = [{"logits": each["logits"] + shift} for each, shift in zip(members, (3.0, -7.0), strict=True)]
    np.testing.assert_allclose(law(merge(base, moved, [0.4, 0.9])), law(merge(base, members, [0.4, 0.9])), rtol=1e-12)


def test_of_members_tuned_to_one_reward_each_it_is_the_optimum_of_the_weighted_sum():
    """max over p of E_p[sum_i c_i r_i] - KL(p, p_0) is p_0 exp(sum_i c_i r_i), and member i that of its own reward."""
    base, *rewards = said(1, 3, (7,))
    weights, rng = [0.2, 0.7, 1.3], np.random.default_rng(0)
    members = [{"logits": base["logits"] + reward["logits"]} for reward in rewards]
    start, gains = law(base), sum(c * reward["logits"].numpy() for c, reward in zip(weights, rewards, strict=True))

    def worth(p):
        return p @ gains - p @ np.log(p / start)

    best = law(merge(base, members, weights))
    near = best * np.exp(0.01 * rng.standard_normal((200, 7)))
    far = rng.dirichlet(np.ones(7), 200)
    assert all(worth(p / p.sum()) < worth(best) for p in [*near, *far])
