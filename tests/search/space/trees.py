"""Random trees for the tests of spaces, and constraints on them that leave some point."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from search.space import Choice, Fixed, Float, Integer, LinearConstraint, Node, Params, Simplex, Space

bounded = settings(derandomize=True, max_examples=60, deadline=None)
seeds = st.integers(0, 2**32 - 1)
LABELS = ("ada", "bet", "cal", "dio", "eta", "fig")


@st.composite
def floats(draw: st.DrawFn, name: str) -> Float:
    log = draw(st.booleans())
    low = draw(st.floats(1e-6, 1e2) if log else st.floats(-1e3, 1e3))
    return Float(name=name, low=low, high=low + abs(low) * draw(st.floats(1e-3, 1e4)) + 1e-3, log=log)


@st.composite
def integers(draw: st.DrawFn, name: str) -> Integer:
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -50, 50))
    return Integer(name=name, low=low, high=low + draw(st.integers(1, 300)), log=log)


@st.composite
def simplexes(draw: st.DrawFn, name: str) -> Simplex:
    return Simplex(name=name, names=LABELS[: draw(st.integers(2, 6))])


@st.composite
def choices(draw: st.DrawFn, name: str, depth: int) -> Choice:
    options = draw(st.sampled_from([("only",), ("on", "off"), (1, 2, 3), (0.5, 1.5), (True, False), LABELS]))
    entered = draw(st.lists(st.sampled_from(options), unique=True)) if depth else []
    spaces = {option: tuple(draw(nodes(f"{name}.{option}.", depth - 1))) for option in entered}
    return Choice(name=name, options=options, spaces=spaces, named=bool(spaces))


@st.composite
def nodes(draw: st.DrawFn, prefix: str, depth: int) -> list[Node]:
    made: list[Node] = []
    for index in range(draw(st.integers(1, 3))):
        name = f"{prefix}{'abc'[index]}"
        kind = draw(st.sampled_from(["float", "integer", "choice", "simplex", "fixed"]))
        if kind == "fixed":
            made.append(Fixed(name=name, value=draw(st.sampled_from([1, "relu", None]))))
        elif kind == "choice":
            made.append(draw(choices(name, depth)))
        else:
            made.append(draw({"float": floats, "integer": integers, "simplex": simplexes}[kind](name)))
    return made


spaces = nodes("", 2).map(lambda made: Space(tuple(made)))


@st.composite
def constrained(draw: st.DrawFn) -> tuple[Space, Params]:
    """A space under one to three constraints, and a point that keeps them, often by nothing."""
    space, seed = draw(spaces), draw(seeds)
    rng = np.random.default_rng(seed)
    params = space.sample(rng)
    names = [name for name in params if name in space.numbers]
    made = []
    for _ in range(draw(st.integers(1, 3)) if names else 0):
        chosen = rng.choice(names, size=min(len(names), draw(st.integers(1, 3))), replace=False)
        terms = tuple((str(name), float(rng.choice([-2.0, -1.0, -0.5, 1.0, 3.0]))) for name in chosen)
        sizes = sum(abs(c) * (space.numbers[name].high - space.numbers[name].low) for name, c in terms)
        slack = draw(st.sampled_from([0.0, 0.0, 1e-6, 0.01, 0.3])) * sizes
        at = sum(c * params[name] for name, c in terms)
        made.append(LinearConstraint("made", terms, at + slack))
        if draw(st.booleans()):  # from below as well: a slab, or for a slack of 0 an equality
            made.append(LinearConstraint("made", tuple((name, -c) for name, c in terms), slack - at))
    return Space(space.nodes, tuple(made)), params
