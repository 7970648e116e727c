"""The door of this folder: what comes in is finite, float64 and of the promised shape, or a SearchError."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.errors import SearchError

Floats = NDArray[np.float64]


def matrix(values: ArrayLike, name: str, *, columns: int | None = None) -> Floats:
    """``values`` as a finite (n, ``columns``) array; not copied when it is one already: never write to it.

    >>> matrix([[1, 2]], "losses")
    array([[1., 2.]])
    """
    array = _finite(values, name)
    if array.ndim != 2 or array.shape[1] == 0 or columns not in (None, array.shape[1]):
        raise SearchError(name, expected=f"one row a point, shape (n, {columns or 'm'})", got=array.shape)
    return array


def vector(values: ArrayLike, name: str, *, size: int) -> Floats:
    """``values`` as a finite (``size``,) array.

    >>> vector([1, 2], "reference", size=2)
    array([1., 2.])
    """
    array = _finite(values, name)
    if array.shape != (size,):
        raise SearchError(name, expected=f"one number an objective, shape ({size},)", got=array.shape)
    return array


def _finite(values: ArrayLike, name: str) -> Floats:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SearchError(name, expected="an array of numbers", got=str(error)) from error
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0]) if array.ndim else 0
        hint = "A failed trial has no values: leave its row out."
        raise SearchError(f"{name} row {row}", expected="finite numbers", got=array[row].tolist(), hint=hint)
    return array
