"""What a model is trained on, and what it is measured by: pure functions of tensors.

A **component** is one file, found by its name: `alpha` in a study is `divergences/alpha.py`. Adding one means
adding the file and its test; nothing is registered. A component

- says in its docstring the shape, the formula, its limits and its source;
- declares its hyperparameters in `SPACE`, a plain literal in the grammar of the study files, `{}` when it has
  none. It is read without importing the file, so a study learns the dimensions of a component for free:
  `SPACE = {"order": {"low": -1.0, "high": 2.0, "default": 0.5}}`;
- has one public function, named after its family, with keyword-only hyperparameters named as in `SPACE`.

The families:

    divergences    divergence(p_logits, q_logits, *, ...)     (..., c), (..., c) -> (...)
    measures       measure(outputs, *, ...)                   named tensors, row axis in front -> (k,)

Each family's folder states its contract in full. Shapes use one alphabet: k population rows, n examples, c
classes. Leading axes broadcast, which is how one call holds a population: row i never sees row j.
"""
