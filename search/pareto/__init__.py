"""Mathematics of fronts: arrays in, arrays out; it knows no trial and no study.

    dominance       which points nothing beats; ranks; crowding; the front of those that keep their limits
    hypervolume     how much a set of points dominates; what each adds; what was reached when; what to take
    belief          evaluations that vary -> the true losses, as far as they are known
    neighbours      what is known of losses from those nearby
    uncertainty     who is on the front with which probability, the hypervolume between which ends, what to repeat
    choose          one point, the ends, or a few well spread points of a front
    reference       the worst losses that count, where nobody says
    indicators      how good a set is beside a reference front
    attainment      what several searches reach, and which share of them
    scalarise       many losses -> one number
    coefficients    where to look among the merges of k models, and where next
    surrogate/      coefficients -> predicted losses, from a few evaluated merges, one surrogate a file
    soup            which members to average, by trying
    barrier         whether two models can be merged at all
    merge/          models + coefficients -> a model, one rule a file

Everything is a loss: minimised, finite. Alphabet: n points, m objectives, k models, q picks.
"""
