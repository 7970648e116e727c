"""How a model comes to be: trainers that advance a whole population of short trials together.

A trainer is one module in this folder, found by its name. It knows nothing of the search that calls it. It
offers

    SPACE       a plain literal, read without importing: its hyperparameters in the study file's grammar
                  float    {"low": 1e-4, "high": 0.3, "log": True, "default": 0.01}
                  choice   {"choice": ["a", "b"], "default": "a"}; {"choice": "all", "default": "forward_kl"}
                           for a folder of components: "divergence" is objectives/divergences, "optimizer" is
                           trainers/optimizers, "schedule" is trainers/schedules
                  simplex  {"simplex": ["labels", "teacher"], "default": {"labels": 0.5, "teacher": 0.5}}
    SETTINGS    a plain literal: what a study fixes for all of its trials, with default values
    PROVIDES    a plain literal: the names in its outputs. A template such as "{view}.logits" stands for one
                name per entry of settings["views"]: `trainers.rung.expand(PROVIDES, settings)`

    train(tasks, *, budget, settings, device, cache, at_rung) -> None
        Trains until no row is left; everything is told through `at_rung(Rung) -> Decision`. An exception
        raised by `at_rung` passes through.
    evaluate(states, *, split, settings, device, cache) -> dict[str, Tensor]
        The outputs of finished models, one state dict each: how merged models are judged by the same
        measures. They equal `Rung.outputs(split)` for the same weights, but for "seconds", which are 0.
    base(settings, device, cache) -> dict[str, Tensor]
        The state dict that every trial started from: task arithmetic needs it.
    module(settings) -> torch.nn.Module
        A plain module that loads such a state dict.
    data(settings) -> str
        Optional: sha256 of the data that it trains and measures on; the card of an exported model tells it.
    recalibrate(states, *, settings, device, cache) -> list of state dicts
        Optional: what the weights of merged models do not say by themselves is taken anew, see
        `trainers.recalibrate`. Only a model with running statistics needs it; the ones here have none.

The records `Task`, `Budget`, `Rung` and `Decision` are in `trainers.rung`, which imports nothing heavy.

What a trainer promises
-----------------------
- A task fills a row. A row is seen at the ages rung_steps, 2 * rung_steps, ..., steps; a boundary shows all
  live rows, which can have different ages. Between boundaries nothing is read back from the device.
- After a boundary those rows leave that `Decision.keep` refuses, that reached `budget.steps`, or that were
  not finite. `Decision.admit` fills free places, up to `budget.population`: fresh tasks start at age 0,
  resumed ones go on from their step and state.
- A row whose parameters or loss are NaN or infinite is shown once with `finite` False, and leaves.
- A row's result depends on its own task only: not on its place, nor on its neighbours, not even in the last
  bit, on one kind of machine and one number of threads (use one). Its data order is a function of its seed
  and its age. `Rung.checkpoint` and `Task.step` together continue a row bit for bit, in any company.
- `outputs(split)` are those of all rows, `outputs(split, rows)` of some, in that order.
- `outputs`, `weights` and `checkpoint` speak of the rows as they are, so they are called before `at_rung`
  returns. What they return stays valid.
- A row that fails for a known reason, such as memory for it alone, is shown once in `Rung.failures`, and leaves.
- A population also knows the params "schedule", "clip_norm" (the largest gradient norm, None: off) and "dropout"
  (a probability) of each row, if the trainer's `SPACE` has them.
- Hyperparameters that a task leaves out take the default of `SPACE`; unknown ones are refused.
- `cache` is a folder for what all trials share (a teacher, a base), named by the content of its recipe.

Names in outputs carry their meaning: "logits" (k, n, c) one row a model, "labels" (n,), "reference_logits"
(n, c) the teacher's, "parameters" (k,) how many numbers are trained, "seconds" (k,) the training cost so
far. A prefix ("upright.logits") names a view.
"""
