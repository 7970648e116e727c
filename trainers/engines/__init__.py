"""How the gradients of a population are computed. One engine a file, all behind one function:

    gradients(model, loss, tasks) -> compute
    compute(parameters (k, p), batch) -> losses (k,), gradient (k, p)

`model` is a `trainers.stack.Stack`; `loss(tasks)` prepares `outputs (k, b, ...), batch -> losses (k,)` for
these rows, in this order. A batch is a dict of tensors, each with a row axis in front: k long, or 1 long when
all rows read the same examples. Its "inputs" are the model's; "keys" and "shares" (k,), when there, are for
dropout (`trainers.stack.Call`). The loss is differentiated as a sum over rows. `compute` changes nothing.

    loop       row by row through the ordinary module: for steps that fill the machine by themselves
    stacked    all rows in one batched computation; needs a rule for every layer
    vmap       torch.func over the ordinary module: for any module, and the oracle of the rules
    graph      stacked, with the whole step captured as a CUDA graph
    auto       the fastest of those on this machine, timed once and remembered
"""
