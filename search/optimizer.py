"""Ask and tell: the proposers without a study file, a store or a record.

    optimizer = Optimizer({"rate": {"low": 1e-4, "high": 1.0, "log": True}}, ["error", "size"])
    for _ in range(40):
        params = optimizer.ask()
        optimizer.tell(params, error=..., size=...)
    print(optimizer.front())

Its state is a definition and trials, so it is pickled as it is, and one that is told the same again is the same.
"""

from collections.abc import ItemsView, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args, overload

import numpy as np

from search import ask, front
from search.ask import Aims, Table
from search.earlier import translated
from search.errors import SearchError, near_miss, one_of
from search.front import Front
from search.space import Params, Space
from search.trial import Failure, FailureClass, Trial


class Optimizer:
    """Proposes points of a space, and learns from what is told of them.

    ``space``: as ``[space]`` in a study file, or a `search.space.Space`. ``objectives``: name -> table with
    ``direction`` ("min" or "max"), ``limit`` (the worst value that counts) and ``unit``, or only the names; without a
    limit the hypervolume's reference is the front's nadir and a tenth of its range, which finds somewhat less.
    ``constraints``: name -> ``{"max": value}`` or ``{"min": value}``. ``proposer``: a file in search/propose, with its
    ``settings``. ``repeats``: the same point may be proposed again. ``interest``: ``{"limits": {name: value},
    "weights": {name: value}}``, the part of the front that is wanted. ``earlier``: the ``trials`` of each of other
    optimizers or studies, which tell of this one as far as they agree with it. What is wrong with them is a StudyError.

    >>> optimizer = Optimizer({"rate": {"low": 0.0, "high": 1.0}}, ["error", "cost"], proposer="sobol")
    >>> for params in optimizer.ask(4):
    ...     optimizer.tell(params, error=params["rate"], cost=(1.0 - params["rate"]) ** 2)
    >>> len(optimizer.front()), optimizer.trials[3].id
    (4, 't0003')
    """

    def __init__(
        self,
        space: Space | Table,
        objectives: Aims,
        *,
        constraints: Mapping[str, Table] | None = None,
        proposer: str = "ehvi",
        seed: int = 0,
        repeats: bool = False,
        interest: Table | None = None,
        earlier: Sequence[Sequence[Trial]] = (),
        **settings: Any,
    ) -> None:
        chosen = {**settings, "name": proposer}
        more = {"seed": seed, "repeats": repeats, "constraints": constraints or {}, "interest": interest or {}}
        made = ask.define(space, objectives, proposer=chosen, more=more)
        self.study = replace(made, earlier=tuple(translated(made, trials) for trials in earlier))
        self._trials: list[Trial] = []
        self._pending: dict[tuple[float, ...], list[int]] = {}  # key of the point -> numbers of its running trials

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial in the order in which it was asked for or first told of, those that nothing was told of too."""
        return tuple(self._trials)

    @overload
    def ask(self) -> Params: ...
    @overload
    def ask(self, q: int) -> list[Params]: ...
    def ask(self, q: int | None = None) -> Params | list[Params]:
        """The next point, or a list of q; each is pending until something is told of it.

        A finite space may run out: then the list is shorter, and for a single point there is a SearchError.
        """
        if q is not None and not (isinstance(q, int) and q >= 1):
            raise SearchError("ask", expected="a number of points, 1 or more", got=q)
        found = ask.proposals(self.study, self._trials, q or 1)
        if not found and q is None:
            left = f"a point left among the {self.study.space.size():g} of the space"
            raise SearchError("ask", expected=left, hint="All were proposed; repeats=True proposes them again.")
        for params in found:
            self._pending.setdefault(self.study.space.key(params), []).append(len(self._trials))
            self._trials.append(Trial(number=len(self._trials), params=dict(params), seed=self.study.table.seed))
        return found if q is not None else found[0]

    def tell(
        self,
        params: Mapping[str, Any],
        values: Mapping[str, float] | None = None,
        /,
        *,
        failure: FailureClass | None = None,
        seconds: float | None = None,
        **named: float,
    ) -> None:
        """What came of a point: a value for each objective and constraint, or the class of its ``failure``.

        A point that is not pending, such as one that was trained before, becomes a trial of its own. Values that are
        not finite are a failure of class diverged. ``seconds``: how long it took.
        """
        plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in _named(params)}
        checked = self.study.space.validate(plain, where="tell")
        told = {**dict(_named(values or {})), **named}
        names = [aim.name for aim in (*self.study.objectives, *self.study.constraints)]
        if seconds is not None and "seconds" in names:
            told.setdefault("seconds", seconds)
        lost = _failure(failure, told) if failure is not None else None
        whole = {} if lost else _whole(told, names)
        spent = _number(seconds or 0.0, "tell seconds")
        key = self.study.space.key(checked)
        if numbers := self._pending.get(key):
            trial = self._trials[numbers.pop(0)]
        else:
            trial = Trial(number=len(self._trials), params=checked, seed=self.study.table.seed)
            self._trials.append(trial)
        if not numbers:
            self._pending.pop(key, None)
        self._trials[trial.number] = ask.ended(self.study, replace(trial, seconds=spent), whole, lost)

    def front(self) -> Front:
        """The front of what was told so far, with its hypervolume; it shows itself as a table."""
        return front.build(ask.judged(self.study, self._trials), self._trials)


def _named(table: Mapping[str, Any]) -> ItemsView[str, Any]:
    if not isinstance(table, Mapping):
        raise SearchError("tell", expected='params, then values by name such as {"error": 0.1}', got=table)
    return table.items()


def _failure(cause: FailureClass, told: Mapping[str, float]) -> Failure:
    classes = get_args(FailureClass)
    if cause not in classes:
        raise SearchError("tell failure", expected=one_of(classes), got=cause, hint=near_miss(cause, classes))
    if told:
        raise SearchError("tell", expected="values or a failure, not both", got=", ".join(told))
    return Failure(cause=cause, message="told so")


def _whole(told: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    """A number for each of ``names`` and for nothing else."""
    for name in told:
        if name not in names:
            raise SearchError("tell", expected=one_of(names), got=name, hint=near_miss(name, names))
    for name in names:
        if name not in told:
            hint = f"A trial without values is told with failure= and one of {', '.join(get_args(FailureClass))}."
            raise SearchError("tell", expected=f"a value for {name}", got=", ".join(told) or None, hint=hint)
    return {name: _number(told[name], f"tell {name}") for name in names}


def _number(value: Any, where: str) -> float:
    """A number, also of numpy or torch."""
    try:
        if not isinstance(value, str):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise SearchError(where, expected="a number", got=value)
