"""Lion: x <- x - rate sign(0.9 m + 0.1 g), then m <- 0.99 m + 0.01 g: every step has the same size.

Source: Chen et al., Symbolic Discovery of Optimization Algorithms, 2023. Weight decay is decoupled, as
there. Good learning rates are three to ten times smaller than AdamW's.
"""

SPACE = {}
SLOTS = ("average",)
STEP_DECAY, AVERAGE_DECAY = 0.9, 0.99


def update(parameters, gradient, slots, *, learning_rate, weight_decay, age, layers):
    direction = slots["average"].lerp(gradient, 1 - STEP_DECAY).sign_()
    parameters.mul_(1 - learning_rate * weight_decay).sub_(direction.mul_(learning_rate))
    slots["average"].lerp_(gradient, 1 - AVERAGE_DECAY)
