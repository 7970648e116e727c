"""Warm-up, stable, decay: the full rate until the last part c of the steps, then 1 - y^s to zero.

y in [0, 1] is the progress inside that cooldown; the power s is its shape: 1 a line, 1/2 the early fall 1 -
sqrt(y), 2 the late one. With c = 1 - w and s = 1 it is the linear schedule.

Source: Hu et al., MiniCPM: Unveiling the Potential of Small Language Models, 2024, section 4; the shapes in
Haegele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations, 2024, section 4, and
Dremov et al., Training Dynamics of the Cooldown Stage in Warmup-Stable-Decay, 2025.
"""

from trainers.schedules import constant

SPACE = {
    "warmup_fraction": {"low": 0.0, "high": 0.3, "default": 0.0},
    "cooldown_fraction": {"low": 0.05, "high": 0.6, "default": 0.2},
    "cooldown_power": {"low": 0.5, "high": 2.0, "log": True, "default": 1.0},
}


def factor(progress, *, warmup_fraction, cooldown_fraction, cooldown_power):
    rise = constant.factor(progress, warmup_fraction=warmup_fraction)
    cooled = ((progress - (1 - cooldown_fraction)) / cooldown_fraction).clamp(min=0.0, max=1.0)
    return rise * (1 - cooled**cooldown_power)
