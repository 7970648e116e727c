"""The mirror of a study in MLflow: a pure function of (study, trials, front, weights) that can be rebuilt at any time.

The store of trials is the truth. One experiment a study holds one run ``study``, and below it one run for each
trial (``t0042``) and for each merged model (``m0097``), found again by their tags.

    text         credentials out of URLs, names out of markdown
    wanted       (study, trials, front) -> the runs that must be there; pure
    runs         the runs that are there -> those, by the fewest writes
    pages        saved views, notes and links of MLflow's own UI
    connection   the client, the fresh database, the lock
    mirror       all of it, one ``sync`` at a time                                                    [mlflow]
    registry     one member into the model registry, by its own run                                   [mlflow]
"""

from search.record.mirror import Mirror
from search.record.pages import Links
from search.record.text import redact

__all__ = ["Links", "Mirror", "redact"]
