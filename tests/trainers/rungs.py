"""A trainer watched at its rungs."""

from trainers.rung import Budget, Decision


def watched(train, tasks, *, steps, rung_steps, settings, cache):
    """Step -> the rung of `tasks` that all begin together, with what must be read while it is live."""
    rungs = {}

    def at_rung(rung):
        rungs[rung.steps[0]] = {
            "rung": rung,
            "outputs": {split: rung.outputs(split) for split in ("choose", "report")},
            "weights": [rung.weights(i) for i in range(len(rung.numbers))],
            "checkpoint": rung.checkpoint(),
        }
        return Decision(keep=[True] * len(rung.numbers))

    budget = Budget(steps=steps, rung_steps=rung_steps, population=len(tasks))
    train(tasks, budget=budget, settings=settings, device="cpu", cache=cache, at_rung=at_rung)
    return rungs
