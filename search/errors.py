"""What can go wrong, and how it is said: where, what was expected, what came, what to do.

SearchError            anything a user can mend; the command line prints it as one line and exits with 2
├── StudyError         a study file, or a component or a module it names
├── StoreError         the store of trials: missing, in use, of another definition
├── TrialError         a trainer or a measure broke its contract
├── WorkerError        workers that cannot be had
└── MergeError         models that cannot be merged
"""

from collections.abc import Iterable
from difflib import get_close_matches


class SearchError(Exception):
    """``where``: file and key; ``expected``: the rule; ``got``: what came (``None`` if nothing did)."""

    def __init__(self, where: str, *, expected: str, got: object = None, hint: str = "") -> None:
        self.where, self.expected, self.got, self.hint = where, expected, got, hint
        came = "" if got is None else f", got {got!r}"
        super().__init__(f"{where}: expected {expected}{came}." + (f" {hint}" if hint else ""))


class StudyError(SearchError):
    """A study file, or something that it names, is not as it must be."""


class StoreError(SearchError):
    """The store of trials cannot be used as asked."""


class TrialError(SearchError):
    """A trainer or a measure broke its contract."""


class WorkerError(SearchError):
    """Workers that cannot be had."""


class MergeError(SearchError):
    """These models cannot be merged."""


def near_miss(name: object, known: Iterable[str]) -> str:
    """The hint for a name that is not among ``known``: the nearest one, or nothing."""
    nearest = get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return f"Did you mean {nearest[0]!r}?" if nearest else ""


def one_of(names: Iterable[str]) -> str:
    """``one of a, b, c``, cut where a line would become unreadable."""
    names = list(names)
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"one of {shown}" if names else "nothing here"
