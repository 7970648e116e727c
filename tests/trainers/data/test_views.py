import pytest
import torch

from trainers.data import digits
from trainers.data.views import VIEWS, inverted, mirrored, rotated, upright


def test_a_small_image_is_seen_from_every_side():
    image = torch.tensor([[0.0, 0.25, 0.5, 1.0]])  # 0 1/4 above 1/2 1
    assert upright(image).tolist() == [[0.0, 0.25, 0.5, 1.0]]
    assert rotated(image).tolist() == [[1.0, 0.5, 0.25, 0.0]]
    assert inverted(image).tolist() == [[1.0, 0.75, 0.5, 0.0]]
    assert mirrored(image).tolist() == [[0.25, 0.0, 1.0, 0.5]]


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_seen_twice_is_the_image(name):
    inputs, _ = digits.load()["choose"]
    view = VIEWS[name]
    torch.testing.assert_close(view(view(inputs)), inputs, rtol=0, atol=1e-6)
    assert view(inputs[None]).equal(view(inputs)[None])
    assert name == "upright" or not view(inputs).equal(inputs)
