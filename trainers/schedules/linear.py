"""A linear warm-up, then a straight line to zero: 1 - x.

Source: Howard and Ruder, Universal Language Model Fine-tuning for Text Classification, 2018, equation 3
(slanted triangular rates, there with a floor); Defazio et al., Optimal Linear Decay Learning Rate Schedules,
2023, for why the line ends at zero.
"""

from trainers.schedules import constant

SPACE = {"warmup_fraction": {"low": 0.0, "high": 0.3, "default": 0.0}}


def factor(progress, *, warmup_fraction):
    rise = constant.factor(progress, warmup_fraction=warmup_fraction)
    return rise * (1 - constant.decayed(progress, warmup_fraction))
