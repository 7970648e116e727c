"""BatchNorm1d and BatchNorm2d by the statistics of the batch, (k, b, c, ...) -> the same shape: rows are channels.

Why only without running statistics (`track_running_stats=False`): they are neither trained nor shared, so a
row would need a second kind of state, which merging would have to average by a rule of its own. A model
that wants one example's answer not to depend on the others takes GroupNorm.
"""

from torch import nn
from torch.nn.functional import batch_norm

from trainers.layers._axes import by_channel

LAYERS = (nn.BatchNorm1d, nn.BatchNorm2d)


def stacked(layer, trained, inputs, call):
    if layer.track_running_stats:
        raise ValueError(
            "stacked BatchNorm track_running_stats: expected False (statistics of the batch alone), got True. "
            "GroupNorm needs none."
        )
    k = len(inputs)
    scale, shift = (trained.get(name, getattr(layer, name)) for name in ("weight", "bias"))
    if scale is not None:
        scale, shift = scale.expand(k, -1).flatten(), shift.expand(k, -1).flatten()
    how = {"weight": scale, "bias": shift, "training": True, "eps": layer.eps}
    # the sums over channels that lie behind round by how many there are
    return by_channel(lambda each: batch_norm(each, None, None, **how), inputs, behind=False)
