"""Our proposers as adapters of the rivals' harness: ``--adapter ehvi=tests.benchmarks.search.ours:Ehvi``."""

from collections import deque
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from space import Cat, Float, Int, Simplex, Space  # the harness's: its folder is on the path

from search import Optimizer
from search import space as ours


class Adapter:
    """An optimizer under a proposer's name; the harness's reference point is the limit that a study states.

    ``late``: as many trials are still running whenever one is asked for, as with ``late`` + 1 asynchronous workers.
    """

    name = "ehvi"
    late = 0
    own_constraints = True
    max_batch = 10**6

    def __init__(
        self, space: Space, n_obj: int, n_con: int, seed: int, budget: int, batch: int, ref: Sequence[float]
    ) -> None:
        self.theirs, self.space = space, converted(space)
        self.running: deque[tuple[dict[str, Any], dict[str, float]]] = deque()
        self.optimizer = Optimizer(
            space=self.space,
            objectives={f"f{index}": {"limit": float(ref[index])} for index in range(n_obj)},
            constraints={f"c{index}": {"max": 0.0} for index in range(n_con)},
            proposer=self.name,
            seed=seed,
        )

    def ask(self, k: int) -> list[dict[str, Any]]:
        self.asked = self.optimizer.ask(k)
        return [self.config(params) for params in self.asked]

    def tell(self, configs: list[dict[str, Any]], objs: list[list[float]], cons: list[list[float]]) -> None:
        for params, losses, limits in zip(self.asked, objs, cons, strict=False):
            values = {f"f{index}": loss for index, loss in enumerate(losses)}
            self.running.append((params, values | {f"c{index}": limit for index, limit in enumerate(limits)}))
        while len(self.running) > self.late:
            self.optimizer.tell(*self.running.popleft())

    def config(self, params: dict[str, Any]) -> dict[str, Any]:
        """Params of ours as a configuration of theirs: names without their place in the tree."""
        active = self.space.active(params)
        short = {_short(name): value for name, value in active.items()}
        return self.theirs.define_by_run(lambda p: short[p.name] if p.name in short else _only(p))

    @classmethod
    def version(cls) -> str:
        return version("pareto-search")


def adapter(peer: str) -> type[Adapter]:
    """``ehvi``, or ``ehvi~3`` for four asynchronous workers."""
    name, _, late = peer.partition("~")
    return type(name, (Adapter,), {"name": name, "late": int(late or 0)})


Ehvi = adapter("ehvi")


def converted(space: Space) -> ours.Space:
    """Their flat list with conditions as our tree: a parameter stands under every option that it is active with."""

    def nodes(params: Sequence[Any], prefix: str) -> tuple[ours.Node, ...]:
        made: list[ours.Node] = []
        for p in params:
            name = f"{prefix}{p.name}"
            if isinstance(p, Simplex):
                made.append(ours.Simplex(name=name, names=tuple(f"w{i}" for i in range(p.size))))
            elif isinstance(p, Int):
                made.append(ours.Integer(name=name, low=p.low, high=p.high, log=p.log))
            elif isinstance(p, Float):
                made.append(ours.Float(name=name, low=p.low, high=p.high, log=p.log))
            else:
                below = {option: nodes(_children(space, p.name, option), f"{name}.{option}.") for option in p.choices}
                made.append(
                    ours.Choice(name=name, options=tuple(p.choices), spaces={o: n for o, n in below.items() if n})
                )
        return tuple(made)

    return ours.Space(nodes([p for p in space.params if not p.when], ""))


def _children(space: Space, parent: str, option: Any) -> list[Any]:
    """Parameters whose innermost condition is this option."""
    order = [p.name for p in space.params]
    found = []
    for p in space.params:
        if p.when:
            innermost, allowed = max(p.when, key=lambda condition: order.index(condition[0]))
            if innermost == parent and option in allowed:
                found.append(p)
    return found


def _short(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _only(p: Any) -> Any:
    """The one option of a choice that is none."""
    assert isinstance(p, Cat) and len(p.choices) == 1
    return p.choices[0]
