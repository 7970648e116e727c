"""Optuna's distributions as dimensions of ours, and the values of the one as those of the other.

A choice of Optuna's may hold anything, so ours is among the places of its options; what goes by steps is counted from
its low end. In a space that is given the options and names are the same on both sides.
"""

from collections.abc import Callable, Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search.propose._optuna import distributions
from search.space import Choice, Dimension, Float, Integer, Params, Simplex, Space

Kinds = Mapping[str, BaseDistribution]


def kinds(space: Space) -> dict[str, BaseDistribution]:
    """The distribution of each param of a space; a simplex is its parts."""
    found: dict[str, BaseDistribution] = {}
    for each in space.dimensions:
        if isinstance(each, Simplex):
            found |= {f"{each.name}.{name}": FloatDistribution(0.0, 1.0) for name in each.names}
        else:
            found |= distributions(each)
    return found


def dimension(name: str, kind: BaseDistribution) -> Choice | Float | Integer:
    """A distribution as a dimension.

    >>> print(dimension("rate", FloatDistribution(0.0, 1.0, step=0.25)))
    0..4
    """
    if isinstance(kind, CategoricalDistribution):
        return Choice(name=name, options=tuple(range(len(kind.choices))))
    assert isinstance(kind, FloatDistribution | IntDistribution)
    if (step := _step(kind)) is not None:
        return Integer(name=name, low=0, high=round((kind.high - kind.low) / step))
    if isinstance(kind, IntDistribution):
        return Integer(name=name, low=kind.low, high=kind.high, log=kind.log)
    return Float(name=name, low=kind.low, high=kind.high, log=kind.log)


def hull(one: BaseDistribution, other: BaseDistribution) -> BaseDistribution:
    """The range that holds both; steps that differ, or begin elsewhere, are no steps."""
    if one == other or isinstance(one, CategoricalDistribution):
        return other
    if isinstance(one, IntDistribution) and isinstance(other, IntDistribution):
        return IntDistribution(min(one.low, other.low), max(one.high, other.high), log=one.log)
    assert isinstance(one, FloatDistribution) and isinstance(other, FloatDistribution)
    return FloatDistribution(min(one.low, other.low), max(one.high, other.high), log=one.log)


def inward(of: Dimension, kind: BaseDistribution, value: Any) -> Any:
    """A value that Optuna's trial suggested, as a value of the dimension."""
    if isinstance(of, Choice) and isinstance(kind, CategoricalDistribution):
        return of.options[int(kind.to_internal_repr(value))]
    assert isinstance(kind, FloatDistribution | IntDistribution)
    return value if (step := _step(kind)) is None else round((value - kind.low) / step)


def outward(of: Dimension, kind: BaseDistribution, value: Any) -> Any:
    """A value of the dimension, as one that Optuna's trial is to suggest."""
    if isinstance(of, Choice) and isinstance(kind, CategoricalDistribution):
        return kind.choices[of.options.index(value)]
    assert isinstance(kind, FloatDistribution | IntDistribution)
    return value if (step := _step(kind)) is None else min(kind.low + step * value, kind.high)


def params(space: Space, known: Kinds, suggested: Callable[[str], Any]) -> Params | None:
    """What a trial ``suggested``, by name (KeyError where it did not), as params; None where that is no point."""

    def read(each: Dimension) -> Any:
        if isinstance(each, Simplex):
            found: Any = tuple(suggested(f"{each.name}.{name}") for name in each.names)
        else:
            found = inward(each, known[each.name], suggested(each.name))
        if each.mistake(found):
            raise KeyError(each.name)
        return found

    try:
        return space.walk(read)
    except KeyError:
        return None


def values(space: Space, known: Kinds, proposed: Params) -> dict[str, Any]:
    """Params as the values that Optuna's trial is to suggest; what is fixed is not suggested."""
    searched = {each.name: each for each in space.dimensions}
    return {
        name: outward(searched[name], known[name], value) if name in searched else value
        for name, value in proposed.items()
        if name in known
    }


def _step(kind: FloatDistribution | IntDistribution) -> float | None:
    """The step of what is counted from its low end; None for what is a number itself."""
    return kind.step if isinstance(kind, FloatDistribution) or kind.step > 1 else None
