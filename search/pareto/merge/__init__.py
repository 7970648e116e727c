"""Models + coefficients -> one model. The contract of a merge rule; one rule a file, found by its name.

    SPACE = {}             its own hyperparameters, in the grammar of a study; they come as keyword arguments
    SIMPLEX = True         whether its k coefficients sum to one; otherwise they live in the box [0, 1]^k
    NEEDS_BASE = False     whether it starts from the model that all members were fine-tuned from
    GIVES_BACK = True      whether the coefficients e_i give back member i, bit by bit; if not stated, they do
    OF_OUTPUTS = False     whether what it sums is not the models' weights but what they say
    def merge(base, states, coefficients): ...      state dict or None, k state dicts, k numbers -> state dict

A rule that thins or changes the members before it sums them cannot give them back and says ``GIVES_BACK =
False``: at e_i is then the changed member i, a merge to be evaluated like any other, while the measured losses of
a member that is given back are those of the merge at its corner. Members that are equal merge, with coefficients
that sum to one, to what any e_i gives.

A rule does not mind the order of members, and is a pure function of its arguments: one that draws takes a
``seed``. It reads its inputs and never writes to them, and shares no memory with them. Floats are summed in
float32 (float64 stays) and cast once. What is not a float is copied from the base, or from the first member
without one. A tensor that every model holds under several names is merged once and stays shared.

What no rule can see: running statistics of batch norm do not belong to merged weights, and a trainer that has them
takes them anew (its ``recalibrate``). Members that did not start from one base have no good models between them, see
``tensors.kinship``, before ``align.aligned`` has brought their units into one order. The factors of a low-rank update
must be multiplied before a merge, or their cross terms come in: see ``adapters.multiplied``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from search.errors import MergeError

if TYPE_CHECKING:
    from torch import Tensor


def check(base: Mapping[str, Tensor] | None, states: Sequence[Mapping[str, Tensor]]) -> None:
    """Refuse models that do not have the same tensors (names, shapes, types, devices) or hold bare factors.

    >>> import torch
    >>> check(None, [{"weight": torch.zeros(2)}, {"weight": torch.zeros(3)}])
    Traceback (most recent call last):
    search.errors.MergeError: state 1 'weight': expected shape (2,) as in state 0, got (3,).
    """
    if not states:
        raise MergeError("states", expected="at least one model", got=len(states))
    models = {f"state {i}": state for i, state in enumerate(states)}
    if base is not None:
        models = {"base": base, **models}
    (first, model), *others = models.items()
    for key in model:
        if any(part.startswith("lora_") for part in key.split(".")):
            hint = "Multiply them out: search.pareto.merge.adapters.multiplied."
            raise MergeError(f"{first} {key!r}", expected="products of low-rank factors, not the factors", hint=hint)
    for name, other in others:
        if missing := model.keys() - other.keys():
            raise MergeError(name, expected=f"the tensors of {first}", hint=f"Missing: {_some(missing)}.")
        if extra := other.keys() - model.keys():
            raise MergeError(name, expected=f"the tensors of {first} alone", hint=f"Extra: {_some(extra)}.")
        for key, tensor in model.items():
            for what, want, got in _facts(tensor, other[key]):
                if want != got:
                    raise MergeError(f"{name} {key!r}", expected=f"{what} {want} as in {first}", got=got)


def _facts(want: Tensor, got: Tensor) -> list[tuple[str, object, object]]:
    return [
        ("shape", tuple(want.shape), tuple(got.shape)),
        ("type", str(want.dtype), str(got.dtype)),
        ("device", str(want.device), str(got.device)),
    ]


def _some(names: set[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
