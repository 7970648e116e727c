"""How the gradients of a population are computed. One engine a file, all behind one function:

    gradients(model, loss, tasks) -> compute
    compute(parameters (k, p), batch) -> losses (k,), gradient (k, p)

`loss(tasks)` prepares `logits (k, n, c), batch -> losses (k,)` for these rows, in this order. A batch is a
dict of tensors, shared by all rows or with the row axis in front; its "inputs" are (n, d) or (k, n, d). The
loss is differentiated as a sum over rows.
"""
