import pytest


@pytest.fixture
def frozen():
    """A copy of an array that refuses to be written to."""

    def freeze(array):
        array = array.copy()
        array.setflags(write=False)
        return array

    return freeze
