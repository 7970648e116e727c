import numpy as np
import pytest

from search.errors import SearchError
from search.pareto.choose import extremes, knee, spread
from search.pareto.dominance import is_nondominated

SEEDS = range(8)


def convex_front(m, seed, n=60):
    """sum_j sqrt(f_j) = 1 bulges towards the ideal point; its symmetric point f_j = 1 / m^2 is the knee."""
    rng = np.random.default_rng(seed)
    shares = np.vstack([np.eye(m), rng.dirichlet(np.ones(m), n), np.full(m, 1 / m)])
    return shares**2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("m", [2, 3, 5])
def test_the_knee_of_a_symmetric_convex_front_is_its_middle(m, seed):
    losses = convex_front(m, seed)
    assert knee(losses) == len(losses) - 1, f"{seed=}"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_knee_in_two_objectives_is_farthest_below_the_chord(seed):
    rng = np.random.default_rng(seed)
    losses = np.vstack([[[0, 20], [20, 0]], rng.integers(1, 20, (40, 2))]).astype(float)
    front = np.unique(losses[is_nondominated(losses)], axis=0)
    scaled = (front - front.min(axis=0)) / np.ptp(front, axis=0)
    below = 1 - scaled.sum(axis=1)
    assert below.max() > 0.1, f"{seed=}"
    reached = (losses[knee(losses)] - front.min(axis=0)) / np.ptp(front, axis=0)
    assert 1 - reached.sum() == pytest.approx(below.max()), f"{seed=}"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_knee_in_three_objectives_is_farthest_below_the_plane_through_the_best_of_each(seed):
    rng = np.random.default_rng(seed)
    best = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.2], [1.0, 0.2, 0.0]])  # the first costs most of both others
    losses = np.vstack([best, rng.uniform(0.01, 1.0, (200, 3))])
    normal = np.linalg.solve(best, np.ones(3))
    assert (normal > 0).all()
    front = is_nondominated(losses)
    below = np.where(front, 1 - losses @ normal, -np.inf)
    assert below.max() > 0.1 and knee(losses) == below.argmax(), f"{seed=}"


def test_where_the_plane_does_not_face_the_ideal_the_knee_is_nearest_to_it():
    losses = np.array([[0.0, 0.2, 1.0], [0.2, 0.0, 0.2], [1.0, 1.0, 0.0], [0.1, 0.1, 0.3]])
    assert extremes(losses) == [0, 1, 2]
    assert (np.linalg.solve(losses[:3], np.ones(3)) < 0).any()
    assert knee(losses) == np.linalg.norm(losses, axis=1).argmin()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_knee_knows_no_unit_and_no_order(seed):
    rng = np.random.default_rng(seed)
    losses = rng.uniform(0, 1, (50, 3))
    chosen = losses[knee(losses)]
    order = rng.permutation(50)
    np.testing.assert_array_equal(losses[order][knee(losses[order])], chosen)
    assert knee(losses * [1e6, 1, 1e-3] + [0, 7, -7]) == knee(losses), f"{seed=}"


def test_a_flat_or_hollow_front_falls_back_to_the_point_nearest_to_the_ideal():
    flat = np.stack([np.linspace(0, 1, 11), np.linspace(1, 0, 11)], axis=1)
    assert knee(flat) == 5
    hollow = [[0, 1], [0.6, 0.9], [0.95, 0.2], [1, 0]]
    assert knee(hollow) == 2


def test_the_knee_of_little_is_what_there_is():
    assert knee([[3, 4]]) == 0
    assert knee([[1, 1], [1, 1]]) == 0
    assert knee([[3], [1], [1], [2]]) == 1
    assert knee([[1, 0], [0, 1]]) == 0
    assert knee([[5, 5], [9, 9]]) == 0


def test_where_one_point_is_best_in_two_objectives_the_knee_is_nearest_to_the_ideal():
    losses = [[0, 0, 10], [1, 1, 2], [9, 8, 0]]
    assert extremes(losses) == [0, 0, 2]
    assert knee(losses) == 1


def test_an_objective_that_does_not_vary_changes_nothing():
    losses = np.array([[0, 1], [0.05, 0.6], [0.35, 0.35], [1, 0]])
    assert np.linalg.norm(losses, axis=1).argmin() == 2
    assert knee(losses) == knee(np.insert(losses, 1, 7.0, axis=1)) == 1


def test_dominated_rows_do_not_move_the_knee():
    losses = [[0, 10], [1, 2], [5, 1], [10, 0]]
    assert knee([*losses, [1000, 3], [3, 1000]]) == knee(losses) == 1


def test_the_users_ideal_and_reference_set_the_scale():
    losses = [[0.0, 1.0], [0.1, 0.5], [0.5, 0.1], [1.0, 0.0]]
    assert knee(losses, reference=[1.0, 2.0]) == 1, "a step of the first objective is worth more"
    assert knee(losses, reference=[2.0, 1.0]) == 2, "and now less"
    assert knee(losses, reference=[2.0, 100.0]) == 0, "where nothing bulges, the nearest to the ideal"
    assert knee(losses, ideal=[-1.0, -1.0], reference=[-5.0, 1.0]) == 1, "a reference below its ideal is no scale"


@pytest.mark.parametrize("seed", SEEDS)
def test_extremes_are_best_in_their_objective_and_on_the_front(seed):
    losses = np.random.default_rng(seed).integers(0, 4, (25, 3))
    found = extremes(losses)
    assert len(found) == 3
    for j, row in enumerate(found):
        assert losses[row, j] == losses[:, j].min(), f"{seed=}"
        assert is_nondominated(losses)[row], f"{seed=}"


def test_of_points_equally_good_in_one_objective_the_extreme_is_best_in_the_rest():
    assert extremes([[0, 9, 1], [0, 2, 2], [5, 0, 9], [9, 9, 0]]) == [1, 2, 3]


@pytest.mark.parametrize("seed", SEEDS)
def test_spread_starts_at_the_ends_and_always_takes_the_farthest(seed):
    losses = np.random.default_rng(seed).integers(0, 8, (60, 3)).astype(float)
    front = np.unique(losses[is_nondominated(losses)], axis=0)
    found = spread(losses, 8)
    assert len(found) == min(8, len(front)) == len(np.unique(losses[found], axis=0)), f"{seed=}"
    assert is_nondominated(losses)[found].all()
    scale = lambda x: (x - front.min(axis=0)) / np.maximum(np.ptp(front, axis=0), 1e-300)  # noqa: E731
    ends = len(set(extremes(losses)))
    for place in range(ends, len(found)):
        distance = np.linalg.norm(scale(front)[:, None] - scale(losses[found[:place]]), axis=2).min(axis=1)
        reached = np.linalg.norm(scale(losses[found[place]]) - scale(losses[found[:place]]), axis=1).min()
        assert reached == pytest.approx(distance.max()), f"{seed=}"


def test_spread_of_an_even_line_is_even():
    line = np.stack([np.arange(9), np.arange(9)[::-1]], axis=1)
    assert sorted(spread(line, 5)) == [0, 2, 4, 6, 8]
    assert spread(line, 2) == [0, 8]
    assert len(spread(line, 99)) == 9
    assert spread(np.zeros((0, 2)), 3) == []
    assert spread([[1, 1]] * 3, 3) == [0]


def test_nothing_to_choose_from_is_refused():
    for choose in (knee, extremes):
        with pytest.raises(SearchError, match=r"losses: expected at least one point to choose from, got \(0, 2\)"):
            choose(np.zeros((0, 2)))
    with pytest.raises(SearchError, match=r"losses row 0: expected finite numbers"):
        spread([[np.nan, 1]], 1)


def test_nothing_is_written_to(frozen):
    losses = frozen(convex_front(3, seed=0))
    knee(losses), extremes(losses), spread(losses, 5)
