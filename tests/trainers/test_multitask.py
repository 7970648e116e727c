import pytest
import torch
from torch.nn.functional import cross_entropy

from trainers import multitask
from trainers.cached import fingerprint
from trainers.data import digits
from trainers.data.views import VIEWS
from trainers.rung import Budget, Decision, Task, expand

VIEW_NAMES = multitask.SETTINGS["views"]


@pytest.fixture
def tune(cache):
    """Params of the tasks -> the last rung's outputs, weights and base, rows in the order of the tasks."""

    def tune(given, *, steps=40, settings=None, split="choose"):
        last = {}

        def at_rung(rung):
            places = [rung.numbers.index(i) for i in range(len(given))]
            last["outputs"] = {
                name: tensor[places] if len(tensor) == len(given) else tensor
                for name, tensor in rung.outputs(split).items()
            }
            last["weights"], last["base"] = [rung.weights(i) for i in places], rung.base
            return Decision(keep=[True] * len(given))

        tasks = [Task(number=i, params=params, seed=0) for i, params in enumerate(given)]
        budget = Budget(steps=steps, rung_steps=steps, population=len(tasks))
        multitask.train(tasks, budget=budget, settings=settings or {}, device="cpu", cache=cache, at_rung=at_rung)
        return last

    return tune


def errors(outputs, views=VIEW_NAMES):
    """(k, v)"""
    wrong = [outputs[f"{view}.logits"].argmax(-1) != outputs[f"{view}.labels"] for view in views]
    return torch.stack([each.float().mean(1) for each in wrong], 1)


def caring_for(view, views=VIEW_NAMES):
    rest = 0.1 / (len(views) - 1)
    return {"weights": {name: 0.9 if name == view else rest for name in views}}


def test_outputs_have_every_view_by_name(tune):
    outputs = tune([{}, {"optimizer": {"name": "lion"}}])["outputs"]
    assert set(outputs) == set(expand(multitask.PROVIDES, multitask.SETTINGS))
    for view in VIEW_NAMES:
        assert outputs[f"{view}.logits"].shape == (2, 397, 10)
        assert outputs[f"{view}.labels"].equal(digits.load()["choose"][1])
    assert outputs["parameters"].shape == outputs["seconds"].shape == (2,)


def test_finished_networks_are_judged_as_they_were_on_the_way(tune, cache):
    last = tune([caring_for(view) for view in VIEW_NAMES], split="report")
    found = multitask.evaluate(last["weights"], split="report", settings={}, device="cpu", cache=cache)
    assert set(found) == set(last["outputs"])
    assert all(found[name].equal(last["outputs"][name]) for name in found if name != "seconds")
    module = multitask.module({})
    module.load_state_dict(last["weights"][1])
    seen = VIEWS["rotated"](digits.load()["report"][0])
    torch.testing.assert_close(module(seen).detach(), found["rotated.logits"][1], rtol=1e-5, atol=1e-5)


def test_the_loss_is_the_weighted_sum_of_the_views_cross_entropies():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6 * 3, 10, generator=generator, dtype=torch.float64)
    labels = torch.randint(10, (6,), generator=generator)
    shares = [(0.2, 0.3, 0.5), (1.0, 0.0, 0.0)]
    tasks = [
        Task(number=i, seed=0, params={"weights": dict(zip(VIEW_NAMES, each, strict=True))})
        for i, each in enumerate(shares)
    ]
    column = lambda values: torch.tensor(values, dtype=torch.float64)[:, None]  # noqa: E731
    found = multitask.loss(tasks, column=column, views=VIEW_NAMES)(logits, {"labels": labels})
    for i, each in enumerate(shares):
        views = logits[i].reshape(6, 3, 10)
        expected = sum(share * cross_entropy(views[:, v], labels) for v, share in enumerate(each))
        torch.testing.assert_close(found[i], expected)


def test_each_view_is_served_best_by_the_network_that_cares_for_it(tune):
    """The trade-off that a study of this trainer is about, on both held-out splits."""
    for split in ("choose", "report"):
        last = tune([caring_for(view) for view in VIEW_NAMES], steps=200, split=split)
        found = errors(last["outputs"])
        assert found.argmin(0).tolist() == [0, 1, 2]
        others = (found + torch.eye(3)).amin(0)  # the least error of a view that another one was preferred to
        assert (others > found.diagonal() + 0.02).all()


def test_all_rows_start_from_a_base_that_knows_all_views(tune, cache):
    start = multitask.base({}, "cpu", cache)
    last = tune([{"learning_rate": 0.0, "weight_decay": 0.0}])
    assert last["base"] == fingerprint(start) == fingerprint(last["weights"][0])
    assert errors(last["outputs"]).max() < 0.35


def test_a_study_may_choose_its_views(tune):
    views = ["upright", "mirrored"]
    settings = {"views": views, "base_steps": 50}
    outputs = tune([caring_for("mirrored", views), {}], settings=settings)["outputs"]
    assert set(outputs) == set(expand(multitask.PROVIDES, settings))
    with pytest.raises(ValueError, match=r"task 0 params weights: expected a share for each of .*'mirrored'"):
        tune([caring_for("upright")], settings=settings)


def test_an_unknown_view_is_refused(tune):
    with pytest.raises(ValueError, match=r"multitask settings views: expected some of .* got \['sideways'\]"):
        tune([{}], settings={"views": ["upright", "sideways"]})
