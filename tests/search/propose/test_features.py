"""What a model sees of params."""

import numpy as np

from search.propose._features import Layout
from tests.search.propose.worlds import MIXED, SPACES


def test_every_dimension_has_its_columns_and_every_column_its_dimension() -> None:
    for space in SPACES.values():
        layout = Layout(space)
        rng = np.random.default_rng(0)
        several = [space.sample(rng) for _ in range(5)]
        columns = [column for place in layout.blocks for column in range(place.start, place.stop)]
        assert columns == list(range(layout(several).shape[1]))
        assert list(layout.places) == [dimension.name for dimension in space.dimensions]


def test_the_corners_of_a_simplex_are_seen_as_they_are() -> None:
    """No logarithm of a weight: a boundary is at a finite distance, and is reached."""
    layout = Layout(MIXED)
    params = MIXED.sample(np.random.default_rng(0))
    names = [f"weights.{name}" for name in ("labels", "teacher", "entropy")]
    for corner in np.eye(3):
        found = layout([params | dict(zip(names, corner.tolist(), strict=True))])[0, layout.places["weights"]]
        np.testing.assert_array_equal(found.numpy(), corner)
