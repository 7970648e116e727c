"""More problems of every group for the harness of rivals: what a trade-off study looks like, with a known front.

Each is a ``problems.Problem`` of the harness: all objectives are minimised, a constraint holds at <= 0. Nothing of this
package is imported, so that a rival's environment can read the file. ``references.json`` has reference points and the
largest hypervolume that is known; ``reference.py`` made them.

mixed        training_mixed, dtlz2_mixed: reals, whole numbers and choices at once
conditional  tree_divergence (an order that exists for one divergence only), tree_deep (two levels)
categorical  tables (pairs of choices interact), cells (layers of a network)
simplex      tradeoff_simplex_m3, data_mixture (five sources of data, three losses)
noisy        tradeoff_noisy, training_noisy, vehicle_noisy
continuous   zdt3_d6, penicillin, car_side_impact            constrained  braninc_constrained, welded_beam
many         dtlz2_d9_m5, dtlz2_d12_m8: five and eight objectives
tabular      distill_table, distill_table_m5: models that were really trained, see ``tabular.py``
"""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import problems as harness  # the harness's folder is on the path, and this one
import tabular
from space import Cat, Float, Int, Simplex, Space

FILE = Path(__file__).parent / "references.json"
REFERENCES: dict[str, dict] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
NOISE = 0.05  # of an objective's range up to its reference

BOTORCH = {
    "zdt3_d6": ("ZDT3", {"dim": 6}, "continuous"),
    "penicillin": ("Penicillin", {}, "continuous"),
    "car_side_impact": ("CarSideImpact", {}, "continuous"),
    "braninc_constrained": ("ConstrainedBraninCurrin", {}, "constrained"),
    "welded_beam": ("WeldedBeam", {}, "constrained"),
    "dtlz2_d9_m5": ("DTLZ2", {"dim": 9, "num_objectives": 5}, "many"),
    "dtlz2_d12_m8": ("DTLZ2", {"dim": 12, "num_objectives": 8}, "many"),
}


def training_mixed() -> harness.Problem:
    """The error of a network against its cost: a power law in its size, and penalties away from the best settings."""
    penalty = {"adamw": (-3.0, 0.0), "sgd": (-1.0, 0.01), "lion": (-3.7, 0.005)}
    space = Space(
        (
            Float("learning_rate", 1e-5, 1.0, log=True),
            Float("dropout", 0.0, 0.6),
            Int("width", 16, 1024, log=True),
            Int("depth", 1, 8),
            Cat("optimizer", tuple(penalty)),
            Cat("activation", ("relu", "gelu", "tanh", "sigmoid")),
            Float("weight_decay", 1e-6, 1e-1, log=True),
        )
    )
    bend = {"relu": 0.0, "gelu": -0.006, "tanh": 0.02, "sigmoid": 0.08}

    def evaluate(config: dict) -> harness.Evaluation:
        size = config["depth"] * config["width"] ** 2 / 1e6
        best, offset = penalty[config["optimizer"]]
        wanted = best - 0.25 * math.log10(config["width"] / 64.0)
        error = 0.05 + 0.08 * (size + 1e-3) ** -0.2 + offset + bend[config["activation"]]
        error += 0.03 * (math.log10(config["learning_rate"]) - wanted) ** 2
        error += 0.4 * (config["dropout"] - 0.08 * math.log10(1.0 + 100.0 * size)) ** 2
        error += 0.006 * (math.log10(config["weight_decay"]) + 3.5) ** 2
        error += 0.004 * max(config["depth"] - 4, 0) ** 2 * (config["activation"] in ("tanh", "sigmoid"))
        return [error, math.log10(size * 1e6)], []

    return harness.Problem("training_mixed", "mixed", space, 2, 0, evaluate)


def dtlz2_mixed() -> harness.Problem:
    """DTLZ2 with two real, two whole and two chosen variables; the options lie in no order."""
    levels = {"c4": (0.25, 1.0, 0.5, 0.0, 0.75), "c5": (0.9, 0.1, 0.3, 0.5, 0.7)}
    names = {key: tuple(f"o{i}" for i in range(5)) for key in levels}
    space = Space(
        (
            Float("x0", 0.0, 1.0), Float("x1", 0.0, 1.0), Int("i2", 0, 8), Int("i3", 0, 20),
            *(Cat(key, names[key]) for key in levels),
        )
    )  # fmt: skip

    def evaluate(config: dict) -> harness.Evaluation:
        rest = [config["x1"], config["i2"] / 8.0, config["i3"] / 20.0]
        rest += [levels[key][names[key].index(config[key])] for key in levels]
        height = 1.0 + sum((x - 0.5) ** 2 for x in rest)
        angle = config["x0"] * math.pi / 2.0
        return [height * math.cos(angle), height * math.sin(angle)], []

    return harness.Problem("dtlz2_mixed", "mixed", space, 2, 0, evaluate)


def tree_divergence() -> harness.Problem:
    """Distil: weight of the teacher against labels; every divergence has its own front, alpha's best at one order."""
    space = Space(
        (
            Cat("divergence", ("forward_kl", "reverse_kl", "alpha", "skew")),
            Float("order", -1.0, 2.0, when=(("divergence", ("alpha",)),)),
            Float("skew", 0.0, 1.0, when=(("divergence", ("skew",)),)),
            Cat("optimizer", ("sgd", "adam")),
            Float("momentum", 0.0, 0.99, when=(("optimizer", ("sgd",)),)),
            Float("beta", 0.8, 0.999, when=(("optimizer", ("adam",)),)),
            Float("learning_rate", 1e-4, 1.0, log=True),
            Float("teacher", 0.0, 1.0),
            Float("temperature", 0.5, 8.0, log=True),
        )
    )

    def evaluate(config: dict) -> harness.Evaluation:
        u = config["teacher"]
        shape, offset = {
            "forward_kl": (2.0, 0.06),
            "reverse_kl": (0.8, 0.05),
            "alpha": (1.5, 0.0),
            "skew": (1.0, 0.02),
        }[config["divergence"]]
        waste = offset
        if config["divergence"] == "alpha":
            waste += 0.15 * (config["order"] - 0.6) ** 2
        if config["divergence"] == "skew":
            waste += 0.4 * (config["skew"] - 0.2) ** 2
        if config["optimizer"] == "sgd":
            best = -0.8 - 0.6 * config["momentum"]
            waste += 0.03 + 0.1 * (config["momentum"] - 0.9) ** 2
        else:
            best = -2.6
            waste += 2.0 * (config["beta"] - 0.95) ** 2
        waste += 0.06 * (math.log10(config["learning_rate"]) - best) ** 2
        waste += 0.05 * (math.log(config["temperature"]) - math.log(2.0) - 0.4 * u) ** 2
        return [(1.0 - u) ** shape + waste, u**shape + 0.8 * waste], []

    return harness.Problem("tree_divergence", "conditional", space, 2, 0, evaluate)


def tree_deep() -> harness.Problem:
    """Two levels of choices: a model, and for one of them a kernel with settings of its own."""
    space = Space(
        (
            Cat("model", ("linear", "kernel", "forest", "network")),
            Float("penalty", 1e-5, 1e2, log=True, when=(("model", ("linear", "kernel")),)),
            Cat("kernel", ("rbf", "polynomial"), when=(("model", ("kernel",)),)),
            Float("gamma", 1e-4, 10.0, log=True, when=(("model", ("kernel",)), ("kernel", ("rbf",)))),
            Int("degree", 2, 5, when=(("model", ("kernel",)), ("kernel", ("polynomial",)))),
            Int("trees", 4, 512, log=True, when=(("model", ("forest",)),)),
            Float("features", 0.1, 1.0, when=(("model", ("forest",)),)),
            Int("layers", 1, 4, when=(("model", ("network",)),)),
            Int("units", 4, 256, log=True, when=(("model", ("network",)),)),
            Float("rate", 1e-5, 1e-1, log=True, when=(("model", ("network",)),)),
            Float("fraction", 0.05, 1.0),
        )
    )

    def evaluate(config: dict) -> harness.Evaluation:
        model, data = config["model"], config["fraction"]
        error, cost = 0.03 * (1.0 / data - 1.0) ** 0.5, math.log10(data)
        if model == "linear":
            error += 0.25 + 0.008 * (math.log10(config["penalty"]) + 1.0) ** 2
        elif model == "kernel":
            error += 0.008 * (math.log10(config["penalty"]) - 0.5) ** 2
            if config["kernel"] == "rbf":
                error += 0.1 + 0.04 * (math.log10(config["gamma"]) + 1.5) ** 2
            else:
                error += 0.13 + 0.02 * (config["degree"] - 3) ** 2
            cost += 1.3 + math.log10(data)
        elif model == "forest":
            error += 0.12 + 0.2 * config["trees"] ** -0.6 + 0.1 * (config["features"] - 0.4) ** 2
            cost += 0.3 + 0.5 * math.log10(config["trees"])
        else:
            size = config["units"] ** config["layers"] ** 0.5
            error += 0.05 + 0.3 * size**-0.4 + 0.03 * (math.log10(config["rate"]) + 3.0) ** 2
            cost += 0.6 + 0.7 * math.log10(size)
        return [error, cost], []

    return harness.Problem("tree_deep", "conditional", space, 2, 0, evaluate)


def tables() -> harness.Problem:
    """Eight choices of four options: sums of effects and of interactions of neighbours, drawn once."""
    rng = np.random.default_rng(20)
    effects, pairs = rng.normal(size=(2, 8, 4)), 0.5 * rng.normal(size=(2, 7, 4, 4))
    effects[1] = -0.5 * effects[0] + 0.8 * effects[1]  # the two losses disagree
    space = Space(tuple(Cat(f"c{i}", ("a", "b", "c", "d")) for i in range(8)))

    def evaluate(config: dict) -> harness.Evaluation:
        at = ["abcd".index(config[f"c{i}"]) for i in range(8)]
        found = [
            sum(effects[j, i, at[i]] for i in range(8)) + sum(pairs[j, i, at[i], at[i + 1]] for i in range(7))
            for j in range(2)
        ]
        return [float(value) for value in found], []

    return harness.Problem("tables", "categorical", space, 2, 0, evaluate)


def cells() -> harness.Problem:
    """Six layers of a network, each one of five operations: error falls with what they bring, cost adds up."""
    kinds = ("skip", "conv1", "conv3", "conv5", "attention")
    power = np.array([0.0, 0.3, 0.8, 1.0, 1.1])
    cost = np.array([0.0, 0.4, 1.2, 2.4, 2.0])
    space = Space(tuple(Cat(f"layer{i}", kinds) for i in range(6)))

    def evaluate(config: dict) -> harness.Evaluation:
        at = np.array([kinds.index(config[f"layer{i}"]) for i in range(6)])
        gain = power[at] * np.where(at == 4, np.linspace(0.4, 1.3, 6), np.linspace(1.1, 0.8, 6))
        clash = 0.05 * np.sum((at[1:] == at[:-1]) & (at[1:] > 0))
        return [float(0.06 + 0.5 * np.exp(-0.6 * gain.sum()) + clash * 0.3), float(cost[at].sum())], []

    return harness.Problem("cells", "categorical", space, 2, 0, evaluate)


def data_mixture() -> harness.Problem:
    """Shares of five sources: each loss falls exponentially with what they tell of it; a learning rate beside."""
    tells = np.array([[3.0, 0.2, 0.5, 1.2, 0.0], [0.1, 2.5, 0.4, 1.0, 0.0], [0.3, 0.2, 3.5, 0.9, 0.0]])
    space = Space((Simplex("shares", 5), Float("learning_rate", 1e-4, 1e-1, log=True)))

    def evaluate(config: dict) -> harness.Evaluation:
        waste = 0.05 * (math.log10(config["learning_rate"]) + 2.3) ** 2
        return [float(value + waste) for value in np.exp(-tells @ np.asarray(config["shares"]))], []

    return harness.Problem("data_mixture", "simplex", space, 3, 0, evaluate)


def distill_table(name: str, objectives: int) -> harness.Problem:
    """The first measures of a table of trained models; its noise is what the seeds made of them."""
    space = Space(
        (
            Cat("divergence", tabular.DIVERGENCES),
            Float("order", tabular.ORDERS[0], tabular.ORDERS[-1], when=(("divergence", ("alpha",)),)),
            Simplex("weights", len(tabular.WEIGHTS)),
            Float("temperature", tabular.TEMPERATURES[0], tabular.TEMPERATURES[-1], log=True),
            Cat("optimizer", tabular.OPTIMIZERS),
            Float("momentum", tabular.MOMENTA[0], tabular.MOMENTA[-1], when=(("optimizer", ("sgd",)),)),
            Float("learning_rate", tabular.LEARNING_RATES[0], tabular.LEARNING_RATES[-1], log=True),
        )
    )

    def evaluated(losses: np.ndarray) -> harness.Evaluation:
        return losses[:objectives].tolist(), []

    def observe(config: dict, rng: np.random.Generator) -> tuple[harness.Evaluation, harness.Evaluation]:
        seen, truth = tabular.observe(config, rng)
        return evaluated(seen), evaluated(truth)

    problem = harness.Problem(name, "tabular", space, objectives, 0, lambda config: evaluated(tabular.evaluate(config)))
    problem.observe = observe
    problem.ref = [*tabular.LIMITS, *[math.inf] * (objectives - len(tabular.LIMITS))]
    return problem


def _noisy(name: str, clean: harness.Problem) -> harness.Problem:
    known = REFERENCES.get(name)
    if known:  # otherwise it is being made
        clean.noise = tuple(NOISE * (worst - best) for worst, best in zip(known["ref"], known["ideal"], strict=True))
    clean.name, clean.group = name, "noisy"
    return clean


def _botorch(name: str) -> harness.Problem:
    harness.BOTORCH[name] = BOTORCH[name]
    problem: harness.Problem = harness._botorch(name)
    return problem


OWN: dict[str, Callable[[], harness.Problem]] = {
    **{name: (lambda name=name: _botorch(name)) for name in BOTORCH},
    "training_mixed": training_mixed,
    "dtlz2_mixed": dtlz2_mixed,
    "tree_divergence": tree_divergence,
    "tree_deep": tree_deep,
    "tables": tables,
    "cells": cells,
    "tradeoff_simplex_m3": lambda: harness._tradeoff(3),
    "data_mixture": data_mixture,
    "tradeoff_noisy": lambda: _noisy("tradeoff_noisy", harness._tradeoff(2)),
    "training_noisy": lambda: _noisy("training_noisy", training_mixed()),
    "distill_table": lambda: distill_table("distill_table", 3),
    "distill_table_m5": lambda: distill_table("distill_table_m5", 5),
    "vehicle_noisy": lambda: _noisy("vehicle_noisy", harness._botorch("vehicle_safety")),
}


def names() -> list[str]:
    """Those of the harness, and these."""
    return [*harness.names(), *OWN]


def load(name: str) -> harness.Problem:
    """A problem with its reference point and the largest hypervolume that is known."""
    if name not in OWN:
        return harness.load(name)
    problem = OWN[name]()
    entry = REFERENCES[name]
    problem.ref, problem.ideal, problem.max_hv = list(entry["ref"]), list(entry["ideal"]), float(entry["max_hv"])
    return problem
