"""Makes ``references.json``: reference points, and the largest hypervolume that is known, of ``more_problems.py``.

    python tests/benchmarks/search/reference.py --harness FOLDER [--problems a,b]

The front is that of random configurations and of mutations of the front so far, without noise; small finite spaces are
enumerated, and a table's grid as well. Where BoTorch gives a reference point (and a largest hypervolume) these stand,
otherwise the reference is a tenth of the front's range beyond it. A problem that has a reference point before it has an
entry means limits, and its front is what lies below them. Of ``welded_beam`` mutations reached .0654 only; its entry is
by pymoo's NSGA-II and not made here.
"""

import argparse
import itertools
import json
import sys
from pathlib import Path

import moocore
import numpy as np

RANDOM, ROUNDS, CHILDREN = 20_000, 150, 400


def _botorch(name: str, known: dict) -> tuple[np.ndarray, float]:
    """The reference point that BoTorch gives, and the largest hypervolume, 0 where it gives none."""
    from botorch.test_functions import multi_objective

    function = getattr(multi_objective, name)(**known)
    try:
        return function.ref_point.numpy(), float(function.max_hv)
    except NotImplementedError:
        return function.ref_point.numpy(), 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--harness", required=True)
    parser.add_argument("--problems", default="")
    asked = parser.parse_args()
    sys.path[:0] = [asked.harness, str(Path(__file__).parent)]
    import more_problems as own
    import tabular
    from space import Cat, Int, Simplex

    def neighbour(space, config, rng):
        scale, changed = 10.0 ** rng.uniform(-3, -0.5), rng.random(len(space.params)) < 1.5 / len(space.params)
        out = {}
        for p, moves in zip(space.params, changed, strict=True):
            if not space.is_active(p, out):
                continue
            value = config.get(p.name)
            if value is None:
                out[p.name] = p.sample(rng)
            elif not moves:
                out[p.name] = value
            elif isinstance(p, Cat):
                out[p.name] = p.sample(rng)
            elif isinstance(p, Simplex):
                step = rng.uniform(0.0, min(1.0, 4.0 * scale))
                mixed = (1.0 - step) * np.array(value) + step * rng.dirichlet(np.full(p.size, 0.5))
                out[p.name] = tuple(float(w) for w in mixed)
            else:
                low, high = (np.log(p.low), np.log(p.high)) if p.log else (p.low, p.high)
                moved = (np.log(value) if p.log else value) + rng.normal(0.0, scale) * (high - low)
                moved = np.exp(moved) if p.log else moved
                out[p.name] = float(np.clip(moved, p.low, p.high))
                if isinstance(p, Int):
                    jump = value + int(rng.integers(-1, 2))
                    out[p.name] = int(np.clip(round(moved) if abs(moved - value) >= 0.5 else jump, p.low, p.high))
        return out

    made = dict(own.REFERENCES)
    for name in asked.problems.split(",") if asked.problems else own.OWN:
        own.REFERENCES.pop(name, None)
        problem = own.OWN[name]()
        rng, space = np.random.default_rng(0), problem.space
        given, largest = _botorch(*own.BOTORCH[name][:2]) if name in own.BOTORCH else (None, 0.0)
        count, rounds = (1000, 0) if largest else (RANDOM, ROUNDS)
        limits = np.array(problem.ref or [np.inf] * problem.n_obj)

        def front(several, problem=problem, limits=limits):
            found = [(problem.evaluate(config), config) for config in several]
            found = [(objs, config) for (objs, cons), config in found if not cons or max(cons) <= 0]
            return [(objs, config) for objs, config in found if (objs < limits).all()]

        def best(found):
            losses = np.array([objs for objs, _ in found])
            return [found[i] for i in np.flatnonzero(moocore.is_nondominated(losses))]

        if all(isinstance(p, Cat) for p in space.params):
            source, members = "every configuration", []
            every = itertools.product(*(p.choices for p in space.params))
            while chunk := list(itertools.islice(every, 10_000)):
                several = [dict(zip((p.name for p in space.params), each, strict=True)) for each in chunk]
                members = best(members + front(several))
        else:
            source = f"front of {count} random configurations and {rounds * CHILDREN} mutations of the front"
            grid = np.ndindex(tabular.SHAPE) if problem.group == "tabular" else ()
            known = best(front(map(tabular.config, grid))) if grid else []
            source += ", and of the grid, below the study's limits" * bool(known)
            members = best(known + front([space.sample(rng) for _ in range(count)]))
            for _ in range(rounds):
                parents = [members[i][1] for i in rng.integers(len(members), size=CHILDREN)]
                members = best(members + front([neighbour(space, parent, rng) for parent in parents]))
                if len(members) > 3000:
                    members = [members[i] for i in rng.permutation(len(members))[:2000]]
            members = best(known + members)
        losses = np.array([objs for objs, _ in members])
        ideal, nadir = losses.min(axis=0), losses.max(axis=0)
        ref = ideal + 1.1 * (nadir - ideal) if given is None else given
        if given is not None:
            source = "reference point and largest hypervolume of BoTorch" if largest else f"BoTorch's point; {source}"
        inside = losses[(losses < ref).all(axis=1)]
        reached = float(moocore.hypervolume(inside, ref=ref))
        print(name, "members", len(members), "reached", reached, "known", largest)
        made[name] = {
            "ref": ref.tolist(), "ideal": ideal.tolist(), "nadir": nadir.tolist(),
            "max_hv": largest or reached, "source": source,
        }  # fmt: skip
        own.FILE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
