"""What the system itself costs: ``python -m tests.benchmarks.workers``.

- idle share of two workers whose trials take one second each (a user's function that sleeps),
- seconds per trial that are neither training nor measuring, over a thousand trials of one step in a population of 64,
  with and without the MLflow record.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from search import api, clock, store

SLEEPS = """
import time

def train(trial):
    for step in range(trial.steps):
        time.sleep(1.0 / trial.steps)
        trial.report(step + 1, f=trial.params["x"] + 1 / (step + 1), g=1 - trial.params["x"])
"""


def idle(trials: int, proposer: str) -> float:
    """Share of the workers' time without work: 2 workers, 1 s a trial, 2 rungs."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sleeps.py").write_text(SLEEPS)
        sys.path.append(folder)
        table = {
            "name": "sleeps", "trainer": "sleeps:train", "space": {"x": {"low": 0.0, "high": 1.0}},
            "objectives": {"f": {"limit": 3.0}, "g": {"limit": 1.0}}, "proposer": {"name": proposer}, "stop": "off",
            "budget": {"trials": trials, "steps": 2, "rungs": 2},
        }  # fmt: skip
        api.launch(table, home=Path(folder) / "runs", mirror=False, quiet=True, workers=2)
        share = clock.idle(store.Store(Path(folder) / "runs").clock("sleeps"))
    assert share is not None
    return share


def overhead(trials: int, mirror: bool) -> tuple[float, dict[str, float]]:
    """Milliseconds per trial beside training and measuring, and all seconds by part."""
    table = {
        "name": "one-step", "trainer": {"name": "distill"},
        "space": {"divergence": "all", "weights": {}, "learning_rate": {}},
        "objectives": {"error": {}, "ece": {}}, "proposer": {"name": "sobol"},
        "budget": {"trials": trials, "steps": 1, "rungs": 1, "population": 64},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "runs"
        api.launch(
            {**table, "name": "warm", "budget": {"trials": 2, "population": 2}}, home=home, mirror=False, quiet=True
        )
        began = time.perf_counter()
        api.launch(table, home=home, mirror=mirror, quiet=True)
        whole = time.perf_counter() - began
        parts = store.Store(home).clock("one-step")
    work = sum(parts.get(name, 0.0) for name in clock.WORK)
    return (whole - work) / trials * 1000, parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    given = parser.parse_args()
    for mirror in (False, True):
        each, parts = overhead(given.trials, mirror)
        shown = ", ".join(f"{name} {seconds:.1f}" for name, seconds in sorted(parts.items(), key=lambda item: -item[1]))
        print(
            f"{given.trials} one-step trials, MLflow {'on' if mirror else 'off'}: {each:.1f} ms each ({shown} s)",
            flush=True,
        )
    for proposer in ("sobol", "ehvi"):
        print(f"two workers, trials of 1 s, {proposer}: idle {idle(40, proposer):.1%}", flush=True)


if __name__ == "__main__":
    main()
