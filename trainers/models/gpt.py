"""A small GPT over bytes: tokens (..., t) int64 -> logits (..., t, v), each from the tokens up to its own.

Pre-norm blocks of causal attention and a tanh-GELU perceptron, learned positions, no biases in the linear
layers; with the default sizes 135,808 parameters. Source: Radford et al., Language Models are Unsupervised
Multitask Learners, 2019; Xiong et al., On Layer Normalization in the Transformer Architecture, 2020 (pre-norm).

Why the embedding is not tied to the head: over 256 bytes a head of its own costs an eighth of the parameters,
and it lets the head be trained, or adapted, while the embedding is frozen with what lies below.

    GPT(first=i)               the model from block i on: it reads what block i - 1 wrote, (..., t, d)
    model.features(tokens, i)  what block i - 1 writes
    adapt(model, rank, alpha)  low-rank adapters on its linear layers, and all else frozen
    folded(model)              state dict of the plain model that does the same

The forward pass minds trailing axes only, so that a stack of rows can run it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from trainers.models.lora import LoRALinear


class GPT(nn.Module):
    """
    >>> model = GPT()
    >>> sum(tensor.numel() for tensor in model.parameters())
    135808
    >>> tokens = torch.arange(20).view(2, 10)
    >>> model(tokens).shape
    torch.Size([2, 10, 256])
    >>> upper = GPT(first=1)
    >>> _ = upper.load_state_dict({name: model.state_dict()[name] for name in upper.state_dict()})
    >>> upper(model.features(tokens, 1)).equal(model(tokens))
    True
    """

    def __init__(self, *, layers=2, width=64, heads=4, vocabulary=256, context=64, first=0):
        super().__init__()
        if not 0 <= first <= layers:
            raise ValueError(f"GPT first: expected 0 to {layers}, the number of layers, got {first}")
        if width % heads:
            raise ValueError(f"GPT width: expected a multiple of heads = {heads}, got {width}")
        self.first = first
        if first == 0:
            self.token = nn.Embedding(vocabulary, width)
            self.position = nn.Embedding(context, width)
        # by number, so that names do not change with `first`
        blocks = {str(i): Block(width, heads) for i in range(first, layers)}
        self.blocks = nn.ModuleDict(blocks) if blocks else {}  # an empty module cannot be stacked
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = inputs if self.first else self.embed(inputs)
        for block in self.blocks.values():
            hidden = block(hidden)
        return self.head(self.norm(hidden))

    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens (..., t) -> (..., t, d)."""
        return self.token(tokens) + self.position(torch.arange(tokens.shape[-1], device=tokens.device))

    def features(self, tokens: Tensor, depth: int) -> Tensor:
        """What the first `depth` blocks make of tokens (..., t): (..., t, d)."""
        hidden = self.embed(tokens)
        for i in range(depth):
            hidden = self.blocks[str(i)](hidden)
        return hidden

    @torch.no_grad()
    def reset(self, generator: torch.Generator) -> None:
        """A fresh start of what is trained: normal weights of deviation 0.1 (embeddings), 1 / (2 sqrt(fan-in))."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear | nn.Embedding) and layer.weight.requires_grad:
                deviation = 0.1 if isinstance(layer, nn.Embedding) else 0.5 * layer.in_features**-0.5
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * deviation)


class Block(nn.Module):
    """Hidden (..., t, d) -> the same shape; `heads` divides d."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.perceptron_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = nn.Linear(width, 3 * width, bias=False)
        self.gather = nn.Linear(width, width, bias=False)
        self.widen = nn.Linear(width, 4 * width, bias=False)
        self.narrow = nn.Linear(4 * width, width, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + self.gather(self.attention(self.attention_norm(hidden)))
        return hidden + self.narrow(gelu(self.widen(self.perceptron_norm(hidden)), approximate="tanh"))

    def attention(self, hidden: Tensor) -> Tensor:
        # the fast kernels want one leading axis: (..., t, 3 d) -> three (n, heads, t, d / heads)
        parts = self.attend(hidden).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.reshape(-1, *parts.shape[-4:]).permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(query, key, value, is_causal=True)
        return found.transpose(1, 2).reshape(hidden.shape)


def adapt(model: GPT, rank: int = 4, alpha: float = 8.0) -> GPT:
    """The same model with low-rank adapters on the four linear layers of each block; only they are trained."""
    model.requires_grad_(False)
    for block in model.blocks.values():
        for name, layer in list(block.named_children()):
            if isinstance(layer, nn.Linear):
                setattr(block, name, LoRALinear(layer, rank, alpha))
    return model


def folded(model: nn.Module) -> dict[str, Tensor]:
    """State dict of the plain model that does the same: every adapter multiplied out and added to its weight."""
    state = model.state_dict()
    for path, layer in model.named_modules():
        if isinstance(layer, LoRALinear):
            state[f"{path}.weight"] = layer.fold()
            for part in ("linear.weight", "down", "up"):
                del state[f"{path}.{part}"]
    return state
