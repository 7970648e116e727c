"""Adam with decoupled weight decay: x <- x - rate m / (sqrt(v) + eps), m, v unbiased averages of g, g^2.

Source: Kingma and Ba, Adam, 2015; Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019. The
same formula as torch.optim.AdamW.

Why float64 for the corrections: in float32 1 - 0.999^age is off by 1e-4 at the first ages, and 200 steps
amplify that to 1e-2 in the parameters.
"""

SPACE = {}
SLOTS = ("average", "square")
AVERAGE_DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-8


def update(parameters, gradient, slots, *, learning_rate, weight_decay, age, layers):
    average = slots["average"].lerp_(gradient, 1 - AVERAGE_DECAY)
    square = slots["square"].mul_(SQUARE_DECAY).addcmul_(gradient, gradient, value=1 - SQUARE_DECAY)
    spread = (1 - SQUARE_DECAY**age).sqrt()
    stride = (learning_rate * spread / (1 - AVERAGE_DECAY**age)).to(parameters.dtype)
    # m / (sqrt(v) / spread + eps) = spread m / (sqrt(v) + eps spread): two passes over the rows less
    denominator = square.sqrt().add_((EPSILON * spread).to(parameters.dtype))
    parameters.mul_(1 - learning_rate * weight_decay)
    parameters.addcmul_(average / denominator, stride, value=-1)
