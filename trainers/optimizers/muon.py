"""Muon: a hidden matrix steps along the orthogonalised momentum of its gradient; AdamW for all else.

    v <- m v + g,  u = g + m v,  x <- x - rate * 0.2 sqrt(max(rows, columns)) * orthogonal(u)

Source: Jordan, Muon: an optimizer for hidden layers in neural networks, 2024: five Newton-Schulz steps,
whose coefficients bring every singular value into about [0.7, 1.2]. The factor 0.2 sqrt(max) of Liu et al.,
Muon is Scalable for LLM Training, 2025, gives its steps the size of AdamW's, so that one learning rate
serves both.

Convention: the first and the last matrix and all biases go to AdamW, so a model without a matrix between
hidden layers is trained by AdamW alone. Weight decay is decoupled in both.
"""

from itertools import groupby

from trainers.optimizers import adamw

SPACE = {"momentum": {"low": 0.5, "high": 0.98, "default": 0.95}}
SLOTS = ("average", "square")
COEFFICIENTS, ITERATIONS, EPSILON = (3.4445, -4.7750, 2.0315), 5, 1e-7


def update(parameters, gradient, slots, *, learning_rate, weight_decay, age, layers, momentum):
    for hidden, group in groupby(layers, key=lambda layer: layer.hidden):
        group = list(group)
        for span in group if hidden else [slice(group[0].start, group[-1].stop)]:
            columns = (slice(None), slice(span.start, span.stop))
            part, slope = parameters[columns], gradient[columns]
            memory = {name: slot[columns] for name, slot in slots.items()}
            rates = {"learning_rate": learning_rate, "weight_decay": weight_decay}
            if not hidden:
                adamw.update(part, slope, memory, age=age, layers=layers, **rates)
                continue
            velocity = memory["average"].mul_(momentum).add_(slope)
            matrix = (slope + velocity * momentum).view(-1, *span.shape)
            direction = orthogonal(matrix).flatten(1) * (0.2 * max(span.shape) ** 0.5)
            part.mul_(1 - learning_rate * weight_decay).sub_(direction * learning_rate)


def orthogonal(matrices):
    """Matrices (k, r, s) with their singular values brought near 1; the singular vectors stay."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.square().sum((-2, -1), keepdim=True).sqrt() + EPSILON)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.mT if tall else x
