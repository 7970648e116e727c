"""Stochastic gradient descent with heavy-ball momentum m: v <- m v + g, x <- x - rate v.

Source: Polyak, Some Methods of Speeding Up the Convergence of Iteration Methods, 1964; the form of
torch.optim.SGD without dampening. Weight decay is decoupled (Loshchilov and Hutter, 2019, SGDW), so it is
not that of torch.optim.SGD.
"""

SPACE = {"momentum": {"low": 0.0, "high": 0.98, "default": 0.9}}
SLOTS = ("velocity",)


def update(parameters, gradient, slots, *, learning_rate, weight_decay, age, layers, momentum):
    velocity = slots["velocity"].mul_(momentum).add_(gradient)
    parameters.mul_(1 - learning_rate * weight_decay).sub_(velocity * learning_rate)
