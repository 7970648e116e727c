"""Optimizers of a stack of rows, one a file.

    SPACE       a plain literal: its own hyperparameters
    SLOTS       the names of what it remembers between steps, each (k, p)
    update(parameters, gradient, slots, *, learning_rate, weight_decay, age, layers, **own) -> None

`parameters`, `gradient` and every slot are (k, p) and are updated in place; hyperparameters are columns (k,
1) of the same type; `age` (k, 1) float64 is the number of this step, from 1; `layers` names the parts of p.

Weight decay is decoupled in all of them: the parameters shrink by learning_rate * weight_decay before the
update, and the gradient never sees it.
"""
