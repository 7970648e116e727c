"""Expected calibration error of the top class, a share. logits (k, n, c), labels (n,) or (k, n) -> (k,)

sum_b (n_b / n) |accuracy_b - confidence_b| over `bins` bins of equal width, bin b holding the confidences in
((b-1)/bins, b/bins]. Classes that tie for the first place count as the lowest index among them.
Source: Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, 2015;
Guo et al., On Calibration of Modern Neural Networks, 2017 (the estimator by bins).
"""

from torch import Tensor

NEEDS = ("logits", "labels")
UNIT = "share"
DIRECTION = "min"
LIMITS = (0.0, 1.0)
BOUNDS = (0.0, 1.0)
SPACE = {"bins": {"low": 5, "high": 50, "integer": True, "default": 15}}


def measure(outputs, *, bins: int = 15) -> Tensor:
    logits, labels = outputs["logits"], outputs["labels"]
    confidence = logits.double().softmax(-1).amax(-1)
    excess = confidence - (logits.argmax(-1) == labels).double()
    bin_index = (confidence * bins).ceil().long().clamp(1, bins) - 1
    # n_b (confidence_b - accuracy_b) is a plain sum over the bin, so empty bins need no care.
    totals = excess.new_zeros(len(logits), bins).scatter_add(-1, bin_index, excess)
    return (totals.abs().sum(-1) / logits.shape[-2]).to(logits.dtype)
