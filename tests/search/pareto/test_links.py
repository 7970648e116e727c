import numpy as np
import pytest

from search.errors import SearchError
from search.pareto.links import Link

LINKS = [Link(), Link(0.0, 1.0), Link(-3.0, 5.0), Link(0.0), Link(-2.0), Link(high=1.0)]


@pytest.mark.parametrize("link", LINKS)
def test_there_and_back_is_where_it_was(link):
    real = np.linspace(-6, 6, 41)
    np.testing.assert_allclose(link.real(link.metric(real)), real, atol=1e-9)


@pytest.mark.parametrize("link", LINKS)
def test_links_rise_within_their_bounds_with_the_slope_they_say(link):
    real = np.linspace(-6, 6, 41)
    metric = link.metric(real)
    assert (np.diff(metric) > 0).all() and (metric > link.low).all() and (metric < link.high).all()
    difference = (link.metric(real + 1e-5) - link.metric(real - 1e-5)) / 2e-5
    np.testing.assert_allclose(link.slope(real), difference, rtol=1e-5)


@pytest.mark.parametrize("link", LINKS)
def test_links_stay_finite_anywhere(link):
    real = np.array([-1e9, -800.0, 800.0, 1e9])
    assert np.isfinite(link.metric(real)).all() and np.isfinite(link.slope(real)).all()


def test_a_value_on_a_bound_moves_off_it_by_half_a_count():
    found = Link(0.0, 1.0).inside(np.array([0.0, 0.5, 1.0]), count=100)
    assert found.tolist() == [0.005, 0.5, 0.995]
    assert Link(0.0, 2.0).inside(np.array([2.0]), count=10).tolist() == [1.9]


def test_without_a_count_it_moves_by_half_of_what_the_others_keep():
    assert Link(0.0, 1.0).inside(np.array([0.0, 0.96, 1.0])) == pytest.approx([0.02, 0.96, 0.98])
    assert Link(0.0).inside(np.array([0.0, 4.0, 0.1])).tolist() == [0.05, 4.0, 0.1]
    assert Link(high=0.0).inside(np.array([0.0, -4.0])).tolist() == [-2.0, -4.0]
    assert Link(0.0).inside(np.array([1e-15, 4.0])).tolist() == [2.0, 4.0], "a rounding error is on the bound"
    for link in (Link(0.0, 1.0), Link(0.0)):
        assert link.inside(np.zeros(3)).tolist() == [0.001] * 3


def test_a_value_beyond_a_bound_is_refused():
    with pytest.raises(SearchError, match=r"values: expected metrics between 0\.0 and 1\.0, got 1\.5"):
        Link(0.0, 1.0).inside(np.array([0.5, 1.1, 1.5]))
    with pytest.raises(SearchError, match=r"values: expected metrics between 0\.0 and inf, got -0\.1"):
        Link(0.0).inside(np.array([-0.1, 1.1]))
