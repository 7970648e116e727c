"""A linear warm-up, and then the full rate: min(1, progress / w).

Source: Goyal et al., Accurate, Large Minibatch SGD, 2017, section 2.2 (gradual warm-up). With w = 0 the
learning rate never moves.
"""

SPACE = {"warmup_fraction": {"low": 0.0, "high": 0.3, "default": 0.0}}


def factor(progress, *, warmup_fraction):
    # 0 / 0 is the first step without a warm-up
    return (progress / warmup_fraction).nan_to_num(nan=1.0).clamp(max=1.0)


def decayed(progress, warmup_fraction):
    """x (k, 1): 0 up to the end of the warm-up, 1 at the end."""
    return ((progress - warmup_fraction) / (1 - warmup_fraction)).clamp(min=0.0)
