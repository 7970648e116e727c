"""Which trials go on at a rung, under several objectives; one rule a file.

    SPACE = {...}                                                 its own settings, plain literals with defaults
    def keep(curves, asking, *, reference, audited, **settings) -> (k,) bool

``curves`` (n, rungs, m): the losses of every trial of the study at every rung, NaN where it was not seen: at
later rungs, and for ever after it was stopped or failed; ``asking`` (k,): the rows that stand at a rung now and would
go on, the last seen one of each, which need not be the same for all and is never the last of the study;
``reference`` (m,): the worst losses that count; ``audited`` (n,): trials that the rule refused and that were run on
all the same, a share chosen by chance, so that some of those that finish were not chosen by the rule.

A rule is a pure function, and neither the order of ``curves`` nor that of ``asking`` matters.
"""
