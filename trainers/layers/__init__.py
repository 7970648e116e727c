"""How one layer of a module works on k rows at once, one kind of layer a file.

    LAYERS      the classes that the rule is for; a class derived from one of them may do something else,
                so it is not meant
    stacked(layer, trained, inputs, call) -> (k, b, ...)

`layer` is the plain layer with its settings and its frozen tensors; `trained` holds its trained tensors by
name, (k, *shape); `inputs` are (k, b, ...), where a row stride of 0 says that all rows share them; `call` is
what this pass knows besides (`trainers.stack.Call`). A rule mixes neither rows nor, unless it says so,
examples; and a row's bits must not depend on k nor on whether its inputs are shared.

The folder is the registry: a new rule is a new file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from torch import nn


@cache
def rules() -> dict[type[nn.Module], Callable]:
    """The class of a layer -> its rule."""
    names = sorted(each.name for each in pkgutil.iter_modules(__path__) if not each.name.startswith("_"))
    files = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {layer: file.stacked for file in files for layer in file.LAYERS}
