"""The table of trained models: its grid, what lies between, its noise; and that the recipe still makes it."""

from itertools import product
from math import log, log1p

import numpy as np
import pytest

from tests.benchmarks.search import tabular

IMAGES = 397  # of the split that chooses


def configs(rng, n):
    """Anywhere in the space; an inactive parameter is not there."""
    for _ in range(n):
        found = {"divergence": str(rng.choice(tabular.DIVERGENCES)), "optimizer": str(rng.choice(tabular.OPTIMIZERS))}
        if found["divergence"] == "alpha":
            found["order"] = rng.uniform(-1.0, 1.0)
        if found["optimizer"] == "sgd":
            found["momentum"] = rng.uniform(0.0, 0.95)
        found["weights"] = tuple(rng.dirichlet(np.full(3, rng.choice([0.2, 1.0]))))
        found["temperature"] = 8.0 ** rng.random()
        yield found | {"learning_rate": 1e-4 * 3000.0 ** rng.random()}


def magnified(weights):
    """The weights as the lattice sees them."""
    shares = np.multiply(weights, (1.0, 1.0, 4.0))
    return shares / shares.sum()


def multilinear(config):
    """A function that is linear in each coordinate along which the table is interpolated."""
    kind = tabular.DIVERGENCES.index(config["divergence"]) + config.get("order", 0.0)
    kind *= 2.0 + tabular.OPTIMIZERS.index(config["optimizer"]) - log1p(-config.get("momentum", 0.0))
    heat = (1.0 + log(config["temperature"])) * (3.0 + log(config["learning_rate"]))
    return kind * heat * (magnified(config["weights"]) @ [0.3, -1.0, 2.0])


def test_the_file_is_that_of_the_recipes_grid_and_small():
    with np.load(tabular.FILE) as file:
        assert str(file["recipe"]) == tabular.recipe()
        values = file["choose"]
    cells, which = tabular.trainings()
    assert values.shape == (len(cells), len(tabular.SEEDS), len(tabular.MEASURES)) and np.isfinite(values).all()
    assert which.shape == tabular.SHAPE and np.array_equal(np.unique(which), np.arange(len(cells)))
    assert tabular.FILE.stat().st_size <= 300_000


def test_at_every_point_of_the_grid_the_truth_is_the_mean_of_the_repeats():
    with np.load(tabular.FILE) as file:
        means = file["choose"].astype(float).mean(1)
    means[:, tabular.LOGARITHMIC] = np.exp(means[:, tabular.LOGARITHMIC])
    cells, _ = tabular.trainings()
    for row in range(0, len(cells), 7):
        found = tabular.evaluate(tabular.config(cells[row]))
        np.testing.assert_allclose(found, means[row], rtol=1e-9, err_msg=f"{row=}")


def test_a_function_that_is_linear_along_every_axis_is_interpolated_exactly(rng, monkeypatch):
    grid = np.array([multilinear(tabular.config(cell)) for cell in np.ndindex(tabular.SHAPE)])
    means, at = np.zeros((*tabular.SHAPE, len(tabular.MEASURES))), tabular.MEASURES.index("ece")  # no logarithm
    means[..., at] = grid.reshape(tabular.SHAPE)
    monkeypatch.setattr(tabular, "table", lambda: (means, None))
    for config in configs(rng, 300):
        np.testing.assert_allclose(tabular.evaluate(config)[at], multilinear(config), rtol=1e-9, atol=1e-9)


def test_weights_lie_in_the_one_small_triangle_that_holds_them(rng):
    points = np.array(list(tabular.lattice())) / tabular.PARTS
    near = np.abs(points[:, None] - points[None]).max(-1) < 1.5 / tabular.PARTS
    triangles = [each for each in product(range(len(points)), repeat=3) if each[0] < each[1] < each[2]]
    triangles = [each for each in triangles if all(near[a, b] for a, b in product(each, repeat=2))]
    assert len(triangles) == tabular.PARTS**2
    for config in configs(rng, 300):
        target = magnified(config["weights"])
        inside = [(each, np.linalg.solve(points[list(each)].T, target)) for each in triangles]
        (triangle, expected), *_ = [each for each in inside if each[1].min() > -1e-12]
        found = dict(zip(*tabular.corners(config)[1], strict=True))
        np.testing.assert_allclose([found.pop(point, 0.0) for point in triangle], expected, atol=1e-9)
        assert sum(found.values(), 0.0) < 1e-9


@pytest.mark.parametrize("corner", np.eye(3).tolist())
def test_a_corner_of_the_simplex_is_a_point_of_the_grid(corner, rng):
    config = next(configs(rng, 1)) | {"weights": tuple(corner)}
    (place,), (share,) = tabular.corners(config)[1]
    assert list(tabular.lattice())[place] == tuple(tabular.PARTS * np.array(corner)) and share == 1.0


def test_a_weight_that_was_rounded_below_zero_is_none(rng):
    below, none = (next(configs(rng, 1)) | {"weights": weights} for weights in ((1.0, 0.0, -1e-17), (1.0, 0.0, 0.0)))
    assert tabular.corners(below)[1] == tabular.corners(none)[1]


def test_the_truth_goes_on_over_the_borders_of_cells(rng):
    """From a point of the grid a billionth to either side, in every coordinate at once."""
    cells, _ = tabular.trainings()
    for cell in rng.permutation(cells)[:200]:
        at = tabular.config(cell)
        sides = []
        for sign in (-1.0, 1.0):
            moved = dict(at)
            for name in {"order", "momentum", "temperature", "learning_rate"} & set(at):
                moved[name] = at[name] * (1.0 + sign * 1e-9)
            weights = np.array(at["weights"]) * (1.0 + sign * 1e-9 * rng.random(3))
            sides.append(tabular.evaluate(moved | {"weights": tuple(weights / weights.sum())}))
        np.testing.assert_allclose(*sides, rtol=1e-6, atol=1e-6)


def test_what_is_not_active_is_not_read(rng):
    for config in configs(rng, 50):
        beside = {"order": 0.5, "momentum": 0.8} | config
        assert np.array_equal(tabular.evaluate(beside), tabular.evaluate(config))


def test_alpha_at_its_limits_is_the_kl_and_a_student_without_teacher_asks_for_no_divergence(rng):
    base = next(configs(rng, 1))
    for order, name in ((0.0, "reverse_kl"), (1.0, "forward_kl")):
        alpha, other = (base | {"divergence": each, "order": order} for each in ("alpha", name))
        np.testing.assert_allclose(tabular.evaluate(alpha), tabular.evaluate(other))
    alone = [base | {"weights": (0.7, 0.0, 0.3), "divergence": name, "order": 0.7} for name in tabular.DIVERGENCES]
    for one in alone[1:]:
        np.testing.assert_allclose(tabular.evaluate(one), tabular.evaluate(alone[0] | {"temperature": 8.0}))


def test_the_corner_of_entropy_alone_has_a_teacher_after_all():
    place = tabular.lattice()[0, 0, tabular.PARTS]
    assert tabular.config((0, place, 0, 0, 0))["weights"] == (0.0, 0.0, 1.0)
    assert tabular.trained(place) == tabular.BEFORE_ENTROPY
    _, which = tabular.trainings()
    assert len(np.unique(which[:, place])) == len(np.unique(which[:, tabular.lattice()[1, 1, 2]]))


def scaled(values):
    return np.where(tabular.LOGARITHMIC, np.log(np.where(tabular.LOGARITHMIC, values, 1.0)), values)


def test_at_a_point_of_the_grid_the_noise_has_mean_zero_and_the_unbiased_variance_of_the_repeats(rng):
    with np.load(tabular.FILE) as file:
        values = file["choose"].astype(float)
    cells, _ = tabular.trainings()
    for row in rng.integers(len(cells), size=20):
        seen = {tuple(tabular.observe(tabular.config(cells[row]), rng)[0]) for _ in range(60)}  # all, but for 1e-10
        noise = scaled(np.array(list(seen))) - values[row].mean(0)
        assert len(seen) == len(np.unique(values[row], axis=0))
        if len(seen) == len(tabular.SEEDS):
            np.testing.assert_allclose(noise.mean(0), 0.0, atol=1e-9)
            np.testing.assert_allclose(noise.var(0), values[row].var(0, ddof=1), rtol=1e-6, atol=1e-12)


def test_between_the_grid_the_noise_is_that_of_the_corners_by_their_shares(rng):
    """Mean zero and the corners' variance, within six standard errors of 3000 draws."""
    n, residuals = 3000, tabular.table()[1]
    config = next(configs(rng, 1))
    indices, shares = zip(*tabular.corners(config), strict=True)
    weights = np.einsum("i,j,k,l,m->ijklm", *shares)[..., None, None] / len(tabular.SEEDS)
    moments = [(weights * residuals[np.ix_(*indices)] ** power).sum((0, 1, 2, 3, 4, 5)) for power in (1, 2, 4)]
    np.testing.assert_allclose(moments[0], 0.0, atol=1e-9)
    noise = np.array([scaled(seen) - scaled(truth) for seen, truth in (tabular.observe(config, rng) for _ in range(n))])
    assert (np.abs(noise.mean(0)) <= 6.0 * (moments[1] / n) ** 0.5).all()
    assert (np.abs((noise**2).mean(0) - moments[1]) <= 6.0 * ((moments[2] - moments[1] ** 2) / n) ** 0.5).all()


@pytest.mark.slow
def test_the_recipe_trains_what_is_in_the_file(rng, tmp_path):
    """The same bits on one kind of machine. On another, rounding has grown to another model in 0, 14 and 19 percent of
    some 30 trainings at each of the three least learning rates, so of a handful of those half must be as in the file:
    every measure within a percent (ece: of a share), the error within one image."""
    from tests.benchmarks.search import make_table

    cells, _ = tabular.trainings()
    rows = rng.choice(np.flatnonzero(cells[:, 4] <= 2), 15, replace=False)
    with np.load(tabular.FILE) as file:
        kept = file["choose"].astype(float)[rows]
    for place, seed in enumerate(tabular.SEEDS):
        found = make_table.train([make_table.params(cell) for cell in cells[rows]], seed, tmp_path)[:, 0]
        assert np.median(np.abs(found[:, 0] - np.exp(kept[:, place, 0]))) <= 1.01 / IMAGES
        assert (np.median(np.abs(scaled(found) - kept[:, place])[:, 1:], axis=0) <= 0.01).all()
