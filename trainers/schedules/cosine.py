"""A linear warm-up, then half a cosine to zero: (1 + cos(pi x)) / 2.

Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, equation 5, with one
cycle and the least rate 0.
"""

from math import pi

from trainers.schedules import constant

SPACE = {"warmup_fraction": {"low": 0.0, "high": 0.3, "default": 0.0}}


def factor(progress, *, warmup_fraction):
    rise = constant.factor(progress, warmup_fraction=warmup_fraction)
    return rise * (1 + (pi * constant.decayed(progress, warmup_fraction)).cos()) / 2
