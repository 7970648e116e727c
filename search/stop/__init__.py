"""Which trials of a rung go on, under several objectives; one rule a file.

    SPACE = {...}                                                 its own settings, plain literals with defaults
    def keep(losses, peers, *, step, steps, **settings) -> (k,) bool

``losses`` (k, m): the trials at this rung that ask; ``peers`` (n, m): every vector that any trial of the
study has reported at the same step, these k included, so trials are compared at equal fidelity only;
``step`` of ``steps``: the training steps done, of the whole budget of a trial.
"""
