"""The grammar of ``parameter_constraints``: linear constraints between the numbers of a space.

    encoder_layers + decoder_layers <= 8
    weights.labels >= 0.2
    2 * a - b <= 3

Both sides of one <= or >= are terms joined by + and -: a number, a name, or ``number * name``. What stands between
blanks is one word, so a name may hold a '-'. A name is that of a param which is a number: a dimension, a weight of a
simplex, a choice between numbers, or what is fixed.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from search.errors import StudyError, near_miss, one_of
from search.space import Choice, Fixed, LinearConstraint, Node, Space
from search.space.feasible import conditions, conflict

HINT = "Write it with blanks between all words, as in 2 * a - b <= 3."


def constrained(space: Space, texts: Sequence[str], *, file: str) -> Space:
    """``space`` under the constraints of a study, which leave it some point."""
    known = [*space.numbers, *(node.name for node, _ in space.leaves() if _numeric(node))]
    made, above = [], conditions(space)
    for text in texts:
        where = f"{file} parameter_constraints {text!r}"
        made.append(constraint(text, known, where=where))
        asked = [(choice, option) for name, _ in made[-1].coefficients for choice, option in above[name].items()]
        if len(set(asked)) > len(dict(asked)):
            got = " and ".join(sorted({f"{choice} = {option}" for choice, option in asked}))
            raise StudyError(where, expected="numbers that can exist together", got=got)
    space = replace(space, constraints=tuple(made))
    if against := conflict(space):
        shown = [each.text for each in against]
        raise StudyError(f"{file} parameter_constraints", expected="constraints that leave some point", got=shown)
    return space


def _numeric(node: Node) -> bool:
    values = node.options if isinstance(node, Choice) else (node.value,) if isinstance(node, Fixed) else ()
    return bool(values) and all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)


def constraint(text: str, known: Collection[str], *, where: str) -> LinearConstraint:
    """One constraint between the numbers that are ``known``."""
    words = text.split()
    senses = [place for place, word in enumerate(words) if word in ("<=", ">=")]
    if len(senses) != 1:
        raise StudyError(where, expected="terms on both sides of one <= or >=", got=text, hint=HINT)
    sense = 1.0 if words[senses[0]] == "<=" else -1.0
    sums: dict[str | None, float] = {None: 0.0}
    for side, sign in ((words[: senses[0]], sense), (words[senses[0] + 1 :], -sense)):
        for coefficient, name in _terms(side, known, where):
            sums[name] = sums.get(name, 0.0) + sign * coefficient
    bound = 0.0 - (sums.pop(None) or 0.0)
    coefficients = tuple((str(name), coefficient) for name, coefficient in sums.items() if coefficient)
    if not coefficients:
        raise StudyError(where, expected=f"{one_of(known)} among its terms", got=text)
    return LinearConstraint(" ".join(words), coefficients, bound)


def _terms(words: Sequence[str], known: Collection[str], where: str) -> Iterator[tuple[float, str | None]]:
    """Every term of one side: a coefficient and a name, or a number and None."""
    rest = list(words)
    while True:
        sign = 1.0
        if rest and rest[0] in ("+", "-"):
            sign = 1.0 if rest.pop(0) == "+" else -1.0
        if not rest:
            raise StudyError(where, expected="a term", got="nothing", hint=HINT)
        word = rest.pop(0)
        number = None if word in known else _number(word)
        if number is None or rest[:1] == ["*"]:
            name = word if number is None else rest[1] if len(rest) > 1 else "nothing"
            rest = rest if number is None else rest[2:]
            if name not in known:
                raise StudyError(where, expected=one_of(known), got=name, hint=near_miss(name, known) or HINT)
            yield sign * (1.0 if number is None else number), name
        else:
            yield sign * number, None
        if not rest:
            return
        if rest[0] not in ("+", "-"):
            raise StudyError(where, expected=f"+ or - after {word}", got=rest[0], hint=HINT)


def _number(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
