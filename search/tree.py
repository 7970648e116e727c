"""The tree of a space, told from the params of trials that were made without one.

A name that every trial has stands at the root. One that only some have stands under the choice whose value decides it:
of the trials with one value all have the name, or none has, or something inside that branch decides in its turn. Whole
numbers of few values decide too, and become choices. Where several would do, the one of which the fewest values were
seen decides; what was a coincidence is contradicted by later trials. A name that nothing explains is left out.

A name under several options is one dimension: the second layer's width under 2 layers and under 3.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from search.space import Choice, Dimension, Integer, Node, Params, Space

MOST = 16  # values of a whole number that may decide


def infer(dimensions: Sequence[Dimension], seen: Sequence[Params]) -> Space:
    """The tree over flat ``dimensions``, in their order, that trials with the params ``seen`` followed.

    >>> from search.space import Float
    >>> kind, order = Choice(name="kind", options=("kl", "alpha")), Float(name="order", low=0.0, high=1.0)
    >>> space = infer([order, kind], [{"kind": "kl"}, {"kind": "alpha", "order": 0.5}])
    >>> [(node.name, condition) for node, condition in space.leaves()]
    [('kind', ''), ('order', 'kind = alpha')]
    """
    known = {dimension.name: dimension for dimension in dimensions}
    return Space(_branch(known, seen, list(known)))


def _branch(known: Mapping[str, Dimension], seen: Sequence[Params], names: Collection[str]) -> tuple[Node, ...]:
    """The nodes, of ``names``, of a branch that the trials ``seen`` were in."""
    always = _always(names, seen)
    under: dict[str, list[str]] = {}
    for name in names:
        if name not in always and any(name in params for params in seen):
            if (parent := _parent(known, seen, name, always)) is not None:
                under.setdefault(parent, []).append(name)
    return tuple(_node(known, seen, name, under[name]) if name in under else known[name] for name in always)


def _node(known: Mapping[str, Dimension], seen: Sequence[Params], name: str, below: Sequence[str]) -> Choice:
    """The choice ``name`` with the nodes ``below`` it, each under the options that it was seen with."""
    options = _options(known[name])
    branches = {option: _branch(known, group, below) for option, group in _groups(seen, name) if option in options}
    return Choice(name=name, options=options, spaces={option: nodes for option, nodes in branches.items() if nodes})


def _parent(known: Mapping[str, Dimension], seen: Sequence[Params], name: str, able: Collection[str]) -> str | None:
    """Which of ``able``, names that all of ``seen`` have, decides whether ``name`` is there."""
    ranked = [other for other in able if _options(known[other])]
    ranked.sort(key=lambda other: (len(_groups(seen, other)), isinstance(known[other], Integer)))
    return next((other for other in ranked if _decides(known, seen, name, other)), None)


def _decides(known: Mapping[str, Dimension], seen: Sequence[Params], name: str, other: str) -> bool:
    """Whether in each branch of ``other`` all have ``name``, or none has, or a name of that branch decides."""
    before = _always(known, seen)
    for _, group in _groups(seen, other):
        has = [name in params for params in group]
        if any(has) and not all(has):
            inside = [each for each in _always(known, group) if each not in before]
            if _parent(known, group, name, inside) is None:
                return False
    return True


def _groups(seen: Sequence[Params], name: str) -> list[tuple[Any, list[Params]]]:
    """The trials by their value of ``name``, which all of them have."""
    groups: dict[Any, list[Params]] = {}
    for params in seen:
        groups.setdefault(params[name], []).append(params)
    return list(groups.items())


def _always(names: Collection[str], seen: Sequence[Params]) -> list[str]:
    return [name for name in names if all(name in params for params in seen)]


def _options(dimension: Dimension) -> tuple[Any, ...]:
    """The values of what may decide; of anything else none."""
    if isinstance(dimension, Choice):
        return dimension.options
    few = isinstance(dimension, Integer) and dimension.high - dimension.low < MOST
    return tuple(range(dimension.low, dimension.high + 1)) if few and isinstance(dimension, Integer) else ()
