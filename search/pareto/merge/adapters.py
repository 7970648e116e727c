"""Low-rank adapters -> plain weights, so that a merge sums products and never factors.

    W = W_0 + (alpha / r) B A        A (r, in): down, B (out, r): up        Hu et al., LoRA, ICLR 2022, equation 3

Why: (sum_i c_i B_i)(sum_i c_i A_i) has cross terms c_i c_j B_i A_j that no member trained, and A and B are only
known up to B R, R^-1 A for any invertible R. The products have neither, and may even differ in rank.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from search.errors import MergeError
from search.pareto.merge.tensors import wide


@torch.no_grad()
def multiplied(
    state: Mapping[str, Tensor],
    *,
    alpha: float,
    down: str = "lora_A.weight",
    up: str = "lora_B.weight",
    frozen: str = "base_layer",
) -> dict[str, Tensor]:
    """The state dict with every pair ``x.down``, ``x.up`` multiplied out into ``x.weight``.

    To ``x.frozen.weight``, if it is there, its product is added; without it ``x.weight`` is the product alone, as
    when adapters were saved without their model, and its base is zeros. What else stands under ``x.frozen``
    moves up to ``x``; all else is shared, not copied. Factors of a convolution (r, in, ...) and (out, r, 1, ...)
    too. Summed in float32 (float64 stays) and cast once. MergeError: a factor without its other, or ranks that
    differ.

    >>> state = {"q.lora_A.weight": torch.tensor([[1.0, 2.0]]), "q.lora_B.weight": torch.tensor([[3.0], [4.0]])}
    >>> multiplied(state, alpha=2.0)
    {'q.weight': tensor([[ 6., 12.],
            [ 8., 16.]])}
    """
    downs, ups = _stems(state, down), _stems(state, up)
    for stem in sorted(downs ^ ups):
        other = up if stem in downs else down
        raise MergeError(stem + (down if stem in downs else up), expected=f"its other factor, {stem + other!r}")
    found, inmost = {}, sorted(downs, key=len, reverse=True)
    for name, tensor in state.items():
        layer = next((stem for stem in inmost if name.startswith(stem)), None)
        if layer is None:
            found[name] = tensor
        elif name == layer + down:
            found[f"{layer}weight"] = _product(
                state, layer, tensor, state[layer + up], alpha, f"{layer}{frozen}.weight"
            )
        elif name not in (layer + up, f"{layer}{frozen}.weight"):
            found[layer + name.removeprefix(layer).removeprefix(f"{frozen}.")] = tensor
    return found


def _stems(state: Mapping[str, Tensor], factor: str) -> set[str]:
    """What stands before the factor's name: empty, or a path with its last dot."""
    return {name.removesuffix(factor) for name in state if f".{name}".endswith(f".{factor}")}


def _product(state: Mapping[str, Tensor], stem: str, down: Tensor, up: Tensor, alpha: float, frozen: str) -> Tensor:
    if down.ndim < 2 or up.ndim < 2 or down.shape[0] != up.shape[1] or up[0, 0].numel() != 1:
        shapes = [tuple(up.shape), tuple(down.shape)]
        raise MergeError(f"{stem}weight", expected="factors of shapes (out, r) and (r, in)", got=shapes)
    product = alpha / down.shape[0] * (wide(up).flatten(1) @ wide(down).flatten(1))
    product = product.view(up.shape[0], *down.shape[1:])
    if frozen not in state:
        return product.to(down.dtype)
    plain = state[frozen]
    if plain.shape != product.shape:
        raise MergeError(frozen, expected=f"the shape of its product, {tuple(product.shape)}", got=tuple(plain.shape))
    return (wide(plain) + product).to(plain.dtype)
