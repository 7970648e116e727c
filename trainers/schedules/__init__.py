"""How the learning rate of a row moves while it trains, one schedule a file.

    SPACE       a plain literal: its own hyperparameters
    factor(progress, **own) -> (k, 1)

`progress` (k, 1) float64 in [0, 1] is the share of its steps that a row has done, so 0 at its first;
hyperparameters are numbers or columns (k, 1). The factor, between 0 and 1, multiplies the learning rate, and has
the type of `progress`. It follows from the row's own progress alone, so a resumed row goes on where it was.

Every schedule begins with a linear warm-up over the share w = `warmup_fraction` of the steps; at w = 0 there is
none, and the factor of the first step is 1. x stands for the share that is done of what follows the warm-up.
"""
