"""What a trial reports: one number for each row of a population.

    NEEDS = ("logits", "labels")     # what it reads; a study whose trainer lacks one is refused
    UNIT = "share"                   # "nats", "s", ...
    DIRECTION = "min"                # or "max"
    LIMITS = (0.0, 1.0)              # best and worst value, both finite, in UNIT
    SPACE = {}                       # the measure's own settings
    def measure(outputs, *, ...):    # -> (k,)

The constants are plain literals, read without importing the file. The worst of LIMITS is where the
hypervolume is measured from unless the study says otherwise; a value may be worse, and then adds nothing to
the hypervolume.

`outputs` maps names to tensors with the row axis in front; what all rows share may come without it:

    logits            (k, n, c)               raw scores
    labels            (n,) or (k, n)          class indices
    reference_logits  (n, c) or (k, n, c)     of the model that ours is held against
    seconds, parameters, ...   (k,)           costs, from the record of the training

A row's value does not depend on its company: means over examples are taken in float64, so that alone or in a
stack the same bits come out after rounding to the type of the logits.
"""
