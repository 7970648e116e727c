"""Multi-objective search over trade-offs, divergences, losses and learning rates: one way with one arrow back.

    studies/x.toml -> study -> space -> propose -> run( trainer -> objectives ) -> trial -> front -> amortise -> record
                                          ^                                          |
                                          +--------------- loop: the only arrow back +

From Python:

    from search import load, launch
    front = launch("zdt1")        # a shipped study's name, a file, or a dict of the same shape
    front                         # shows itself as a table; front.to_pandas(), front.plot()
    front = load("zdt1")          # the front of a study that ran before

    from search import Optimizer, OptunaSampler
    optimizer = Optimizer(space, objectives)      # ask and tell, without a study
    optuna.create_study(sampler=OptunaSampler())  # the same proposals within Optuna

Importing this package imports nothing heavy.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.api import launch, load
    from search.errors import SearchError
    from search.front import Front
    from search.optimizer import Optimizer
    from search.sampler import OptunaSampler

__version__ = "0.1.0"
__all__ = ["Front", "Optimizer", "OptunaSampler", "SearchError", "launch", "load"]

_HOMES = {
    "launch": "search.api",
    "load": "search.api",
    "Front": "search.front",
    "Optimizer": "search.optimizer",
    "OptunaSampler": "search.sampler",
    "SearchError": "search.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'search' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
