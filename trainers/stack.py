"""k models of one architecture as the rows (k, p) of a matrix; one forward pass for all of them.

Trained is what asks for a gradient: p numbers a row, in the order of the module's parameters. Frozen
parameters and buffers are shared by all rows and held once. `forward` runs the module's own code with every
layer replaced by its rule of `trainers.layers`, so the module may do anything between its layers that minds
trailing axes only (`unflatten(-1, ...)`, `transpose(-2, -3)`): there is a row axis in front.

What has no rule cannot be stacked, and `forward` says so; `one` runs any module, and `torch.func.vmap` of it
any stack (engine "vmap").
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.func import functional_call

from trainers.layers import rules
from trainers.layers.dropout import masked


@dataclass(frozen=True)
class Layer:
    """Columns start to stop of a row, seen as `shape`; `hidden` says: a matrix between hidden layers."""

    name: str
    start: int
    stop: int
    shape: tuple[int, ...]
    hidden: bool

    def of(self, rows: Tensor) -> Tensor:
        """View (k, *shape) of rows (k, p)."""
        return rows[:, self.start : self.stop].view(-1, *self.shape)


@dataclass
class Call:
    """What the layers of a stack know of the pass that runs."""

    leaves: list[Tensor] = field(default_factory=list)
    axes: int = 0  # of the model's inputs, the row axis included
    keys: Tensor | None = None  # (k,) int32, () for one model: what dropout hashes; None drops nothing
    shares: Tensor | None = None  # (k,), () for one model: dropout probabilities that overrule the layers' own
    draws: int = 0  # how often dropout drew so far

    def draw(self) -> int:
        self.draws += 1
        return self.draws


class Stack:
    """
    >>> stack = Stack(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
    >>> [(layer.name, layer.shape) for layer in stack.layout]
    [('0.weight', (4, 3)), ('0.bias', (4,)), ('2.weight', (2, 4)), ('2.bias', (2,))]
    >>> rows = torch.stack([stack.row(stack.init(seed)) for seed in range(5)])  # (k, p)
    >>> stack.forward(stack.leaves(rows), torch.zeros(1, 7, 3)).shape  # one batch for all rows
    torch.Size([5, 7, 2])
    """

    def __init__(self, module: nn.Module):
        self._plain = copy.deepcopy(module)
        self._places: dict[tuple[str, str], int] = {}  # (path of a layer, name of its tensor) -> place in the layout
        self.layout = self._laid_out()
        self.parameters = self.layout[-1].stop
        self._elsewhere: dict[tuple, Stack] = {}
        self._widths: dict[torch.Size, int] = {}

    def _laid_out(self) -> tuple[Layer, ...]:
        owners = [
            (path, name, tensor)
            for path, layer in self._plain.named_modules(remove_duplicate=False)
            for name, tensor in layer.named_parameters(recurse=False, remove_duplicate=False)
        ]
        matrices = {id(tensor): None for _, _, tensor in owners if tensor.dim() > 1}
        ends = {next(iter(matrices), None), next(reversed(matrices), None)}
        layers, seen, start = [], {}, 0
        for path, name, tensor in owners:
            if not tensor.requires_grad:
                continue
            if id(tensor) not in seen:  # tied layers share one
                seen[id(tensor)] = len(layers)
                linear = type(self._plain.get_submodule(path)) is nn.Linear
                hidden = linear and tensor.dim() == 2 and id(tensor) not in ends
                stop = start + tensor.numel()
                layers.append(Layer(f"{path}.{name}".lstrip("."), start, stop, tuple(tensor.shape), hidden))
                start = stop
            self._places[path, name] = seen[id(tensor)]
        if not layers:
            raise ValueError("stack: expected a module with parameters that ask for a gradient, got none")
        return tuple(layers)

    # one model

    def module(self) -> nn.Module:
        """A plain module of its own."""
        return copy.deepcopy(self._plain)

    def init(self, seed: int) -> dict[str, Tensor]:
        """State dict of a fresh model: its layers start as they do by themselves, or as its `reset(generator)` says.

        Layers without trained parameters keep theirs.
        """
        module = self.module().cpu()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            for layer in module.modules():
                if any(tensor.requires_grad for tensor in layer.parameters(recurse=False)):
                    layer.reset_parameters()
        reset = getattr(module, "reset", None)
        if reset is not None:
            reset(torch.Generator().manual_seed(seed))
        return module.state_dict()

    def row(self, state: dict[str, Tensor]) -> Tensor:
        """Row (p,) of a state dict."""
        return torch.cat([state[layer.name].reshape(-1) for layer in self.layout])

    def state(self, row: Tensor) -> dict[str, Tensor]:
        """State dict of a row (p,): trained tensors in memory of their own, and the frozen ones that all rows share."""
        leaves = [leaf[0] for leaf in self.leaves(row[None])]
        found = dict(self._plain.state_dict())
        return found | {f"{path}.{name}".lstrip("."): leaves[i].clone() for (path, name), i in self._places.items()}

    # k models

    def leaves(self, rows: Tensor) -> list[Tensor]:
        """Views (k, *shape) of rows (k, p), one a layer, in the order of the layout."""
        return [layer.of(rows) for layer in self.layout]

    def forward(self, leaves: list[Tensor], inputs: Tensor, keys=None, shares=None) -> Tensor:
        """Outputs (k, b, ...) of `leaves` and inputs (k, b, ...), or (1, b, ...) for all rows the same.

        `keys` (k,) int32 and `shares` (k,) are for dropout, see `Call`.
        """
        k = len(leaves[0])
        if len(inputs) not in (1, k):
            raise ValueError(f"stack inputs: expected 1 or k = {k} in front, for the rows, got {tuple(inputs.shape)}")
        call, module = self._stacked
        call.leaves, call.axes, call.keys, call.shares, call.draws = leaves, inputs.dim(), keys, shares, 0
        try:
            # a batch that all rows share is spread, not multiplied as one: the same kernels, so the same bits
            return module(inputs.expand(k, *inputs.shape[1:]))
        finally:
            call.leaves, call.keys, call.shares = [], None, None

    def one(self, leaves: list[Tensor], inputs: Tensor, keys=None, shares=None) -> Tensor:
        """Outputs (b, ...) of one model's `leaves` (*shape) and inputs (b, ...), by the ordinary module."""
        call, module = self._alone
        call.keys, call.shares, call.draws = keys, shares, 0
        named = {layer.name: leaf for layer, leaf in zip(self.layout, leaves, strict=True)}
        try:
            return functional_call(module, named, (inputs,))
        finally:
            call.keys, call.shares = None, None

    def to(self, like: Tensor) -> Stack:
        """The same stack with its frozen tensors on the device of `like`, and of its type if that is a float."""
        wanted = (like.device, like.dtype if like.is_floating_point() else None)
        if wanted not in self._elsewhere:
            frozen = [each for each in self._plain.state_dict().values() if each.is_floating_point()]
            if all((each.device, each.dtype) == wanted for each in frozen):
                self._elsewhere[wanted] = self
            else:
                self._elsewhere[wanted] = Stack(self.module().to(*(each for each in wanted if each is not None)))
        return self._elsewhere[wanted]

    @property
    def drops(self) -> bool:
        """Whether a layer drops numbers while training."""
        return any(isinstance(layer, nn.Dropout) for layer in self._plain.modules())

    @property
    def mixes(self) -> bool:
        """Whether a layer looks at several examples at once."""
        return any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in self._plain.modules())

    @cached_property
    def refusal(self) -> str | None:
        """Why the stack cannot be used; None if every layer has its rule."""
        try:
            _, _ = self._stacked
        except NotImplementedError as error:
            return str(error)
        return None

    @torch.no_grad()
    def width(self, inputs: Tensor) -> int:
        """The most numbers that a layer makes of one of inputs (n, ...)."""
        shape = inputs.shape[1:]
        if shape not in self._widths:
            module, found = self.module(), [shape.numel()]
            for layer in module.modules():
                layer.register_forward_hook(lambda layer, given, made: found.append(made[0].numel()))
            module(inputs[:2])
            self._widths[shape] = max(found)
        return self._widths[shape]

    @cached_property
    def _stacked(self) -> tuple[Call, nn.Module]:
        call, module = Call(), self.module()
        return call, _replaced(module, "", self._places, call)

    @cached_property
    def _alone(self) -> tuple[Call, nn.Module]:
        call, module = Call(), self.module()
        for path, layer in list(module.named_modules(remove_duplicate=False)):
            if type(layer) is nn.Dropout:
                module.set_submodule(path, _Dropout(layer, call))
        return call, module


class _Stacked(nn.Module):
    """A layer of all rows: hands its trained leaves to its rule."""

    def __init__(self, layer: nn.Module, places: dict[str, int], call: Call):
        super().__init__()
        self.layer, self.places, self.call, self.rule = layer, places, call, rules()[type(layer)]

    def forward(self, inputs: Tensor) -> Tensor:
        trained = {name: self.call.leaves[i] for name, i in self.places.items()}
        return self.rule(self.layer, trained, inputs, self.call)


class _Dropout(nn.Module):
    """A dropout layer of one model that hashes as its rule does in a stack."""

    def __init__(self, layer: nn.Dropout, call: Call):
        super().__init__()
        self.share, self.call = layer.p, call

    def forward(self, inputs: Tensor) -> Tensor:
        if self.call.keys is None or (self.call.shares is None and self.share == 0):
            return inputs
        share = self.share if self.call.shares is None else self.call.shares
        return masked(inputs, self.call.keys, self.call.draw(), share, shape=inputs.shape)


def _replaced(module: nn.Module, path: str, places: dict[tuple[str, str], int], call: Call) -> nn.Module:
    """The module with its layers replaced by their rules; `places` says which tensors are trained."""
    if isinstance(module, _Stacked):  # a part that stands in two places
        return module
    below = {
        (owner, name): i for (owner, name), i in places.items() if f"{owner}.".startswith(f"{path}." if path else "")
    }
    own = {name: i for (owner, name), i in below.items() if owner == path}
    if type(module) in rules() and len(own) == len(below):
        return _Stacked(module, own, call)
    children = list(module.named_children())
    if own or not (children or type(module) in (nn.Sequential, nn.ModuleList, nn.ModuleDict)):
        reason = f"has parameters of its own ({', '.join(own)})" if own else "has no rule in trainers/layers"
        where = path or "the module itself"
        raise NotImplementedError(
            f"stack: {type(module).__name__} ({where}) {reason}, so it cannot be stacked. Use engine 'vmap'."
        )
    for name, child in children:
        setattr(module, name, _replaced(child, f"{path}.{name}".lstrip("."), places, call))
    return module
