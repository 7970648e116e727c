import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.trainers.rungs import watched
from trainers import classify
from trainers.cached import fingerprint
from trainers.data import digits
from trainers.order import order
from trainers.params import complete
from trainers.population import Population
from trainers.rung import Task, expand

SMALL = {"channels": [4, 8], "hidden": [12], "labelled": 96, "base_steps": 20, "batch": 16}
MODES = {"cnn": {}, "normed cnn": {"norm": "group", "channels": [8, 16]}, "mlp": {"model": "mlp"}}
modes = pytest.mark.parametrize("mode", [SMALL | own for own in MODES.values()], ids=MODES)


def weights(clean, noisy, smooth=0.0):
    return {"weights": {"clean": clean, "noisy": noisy, "smooth": smooth}}


@pytest.fixture
def read(cache):
    """Params of the tasks -> rungs by step; outputs, weights, checkpoints were read while they were live."""

    def read(given, *, settings=SMALL, steps=8, rung_steps=8):
        tasks = [each if isinstance(each, Task) else task(i, **each) for i, each in enumerate(given)]
        how = {"steps": steps, "rung_steps": rung_steps, "settings": settings, "cache": cache}
        return watched(classify.train, tasks, **how)

    return read


def task(number, **params):
    return Task(number=number, seed=0, params=params)


@modes
def test_outputs_are_what_the_trainer_provides(mode, read):
    rungs = read([{}, {"dropout": 0.3}], settings=mode)
    for split, outputs in rungs[8]["outputs"].items():
        assert set(outputs) == set(expand(classify.PROVIDES, classify.SETTINGS))
        labels = digits.load()[split][1]
        for view in ("clean", "noisy"):
            assert outputs[f"{view}.logits"].shape == (2, len(labels), 10)
            assert outputs[f"{view}.labels"].equal(labels)
        assert outputs["seconds"].tolist() == rungs[8]["rung"].seconds
        numbers = sum(tensor.numel() for tensor in classify.module(mode).parameters())
        assert outputs["parameters"].tolist() == [numbers] * 2
    assert not outputs["clean.logits"].equal(outputs["noisy.logits"])


@modes
def test_finished_models_are_judged_as_they_were_on_the_way(mode, read, cache):
    rungs = read([{"dropout": share} for share in (0.0, 0.2, 0.5)], settings=mode)
    for split, expected in rungs[8]["outputs"].items():
        seen = rungs[8]["weights"]
        found = classify.evaluate(seen, split=split, settings=mode, device="cpu", cache=cache)
        assert set(found) == set(expected) and found["seconds"].tolist() == [0.0] * 3
        assert all(found[name].equal(expected[name]) for name in found if name != "seconds")
        module = classify.module(mode).eval()
        module.load_state_dict(seen[1])
        logits = module(digits.load()[split][0]).detach()
        torch.testing.assert_close(logits, found["clean.logits"][1], rtol=1e-5, atol=1e-5)


@modes
def test_a_checkpoint_goes_on_bit_for_bit_in_other_company(mode, read):
    names = ("cosine", "wsd", "linear")
    given = [{"schedule": {"name": name, "warmup_fraction": 0.25}, "dropout": 0.3} for name in names]
    whole = read(given, settings=mode, steps=12, rung_steps=4)
    place = whole[4]["rung"].numbers.index(1)
    state = {name: tensor[place] for name, tensor in whole[4]["checkpoint"].items()}
    resumed = Task(number=1, params=given[1], seed=0, step=4, state=state)
    alone = read([resumed], settings=mode, steps=12, rung_steps=4)
    assert list(alone) == [8, 12]
    for step, seen in alone.items():
        place = whole[step]["rung"].numbers.index(1)
        assert fingerprint(seen["weights"][0]) == fingerprint(whole[step]["weights"][place])
        assert seen["outputs"]["report"]["noisy.logits"][0].equal(
            whole[step]["outputs"]["report"]["noisy.logits"][place]
        )


def test_the_loss_is_the_weighted_sum_of_plain_cross_entropies_where_both_kinds_are_equally_many():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 12, 10, generator=generator, dtype=torch.float64)
    labels = torch.randint(10, (1, 12), generator=generator)
    views = torch.tensor([[0, 1] * 6])
    cares = [(0.2, 0.7, 0.1), (1.0, 0.0, 0.0), (0.3, 0.3, 0.4)]
    column = lambda values: torch.tensor(values, dtype=torch.float64)[:, None]  # noqa: E731
    tasks = [task(i, **weights(*care)) for i, care in enumerate(cares)]
    found = classify.loss(tasks, column=column)(logits, {"labels": labels, "views": views})
    uniform = torch.full((12, 10), 0.1, dtype=torch.float64)
    for i, care in enumerate(cares):
        parts = [cross_entropy(logits[i, v::2], labels[0, v::2]) for v in range(2)]
        expected = care[0] * parts[0] + care[1] * parts[1] + care[2] * cross_entropy(logits[i], uniform)
        torch.testing.assert_close(found[i], expected, rtol=0, atol=1e-12)
    # label smoothing, where all is clean
    (smoothed,) = classify.loss([task(0, **weights(0.45, 0.45, 0.1))], column=column)(
        logits[:1], {"labels": labels, "views": views}
    )
    torch.testing.assert_close(smoothed, cross_entropy(logits[0], labels[0], label_smoothing=0.1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("engine", ["stacked", "loop"])
@modes
def test_a_row_is_ordinary_training_alone_in_float64(mode, engine):
    """torch's own AdamW, clipping and schedule on the ordinary module; without dropout, whose stream is our own."""
    model, steps = classify._network(classify.SETTINGS | mode), 12
    lesson = classify._lesson(classify.SETTINGS | mode)
    lesson["inputs"] = lesson["inputs"].double()
    start = {name: tensor.double() for name, tensor in model.init(0).items()}
    cares = [weights(1.0, 0.0), weights(0.1, 0.8, 0.1), weights(0.4, 0.4, 0.2)]
    params = [
        complete(classify.SPACE, care | {"clip_norm": 0.5 * (i + 1), "schedule": {"name": "cosine"}}, where="")
        for i, care in enumerate(cares)
    ]
    made = Population(model, classify.loss, lesson, initial=model.row(start), batch=16, engine=engine, steps=steps)
    made.admit([task(i, **each) for i, each in enumerate(params)])
    made.advance(steps)
    n = len(lesson["labels"])
    for one, row in zip(made.tasks, made.parameters, strict=True):
        own, module = one.params, model.module().double()
        module.load_state_dict(start)
        optimizer = torch.optim.AdamW(module.parameters(), lr=own["learning_rate"], weight_decay=own["weight_decay"])
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for index in torch.from_numpy(order(0, 0, steps, n=n, batch=16)):
            logits, labels, views = (
                module.eval()(lesson["inputs"][index]),
                lesson["labels"][index],
                lesson["views"][index],
            )
            care = torch.tensor([own["weights"]["clean"], own["weights"]["noisy"]], dtype=torch.float64)[views]
            uniform = torch.full_like(logits, 0.1)
            losses = 2 * care * cross_entropy(logits, labels, reduction="none")
            optimizer.zero_grad()
            (losses.mean() + own["weights"]["smooth"] * cross_entropy(logits, uniform)).backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), own["clip_norm"])
            optimizer.step()
            schedule.step()
        expected = model.row({name: tensor.detach() for name, tensor in module.state_dict().items()})
        assert (row - expected).abs().max() < 1e-11, f"task {one.number}"
        assert (row - model.row(start)).abs().max() > 1e-3


def test_half_of_the_lesson_is_noisy_and_no_noise_comes_twice():
    settings = classify.SETTINGS | SMALL | {"draws": 3}
    lesson = classify._lesson(settings)
    clean, labels = classify._labelled(settings)
    assert len(labels) == 96 and lesson["inputs"].shape == (2 * 3 * 96, 64)
    assert lesson["views"].bincount().tolist() == [288, 288]
    copies = lesson["inputs"].view(6, 96, 64)
    assert all(copy.equal(clean) for copy in copies[:3])
    assert lesson["labels"].view(6, 96).eq(labels).all()
    noise = copies[3:] - clean
    for i in range(3):
        assert noise[i].abs().mean() > 0.1
        assert not noise[i].equal(noise[(i + 1) % 3])


def test_held_out_noise_is_not_that_of_the_lesson():
    shape = torch.full((96, 64), 0.5)
    held_out = [classify.noisy(shape, 0.1, seed=seed) for seed in classify.SEEDS.values()]
    seeds = [each + len(classify.SEEDS) + 1 for each in range(4)]
    assert not set(seeds) & set(classify.SEEDS.values())
    assert not held_out[0].equal(held_out[1])


def test_each_view_is_served_best_by_the_network_that_cares_for_it(read):
    """The trade-off that a study of this trainer is about, on both held-out splits."""
    seen = read([weights(1.0, 0.0), weights(0.0, 1.0)], settings={}, steps=200, rung_steps=200)[200]
    places = [seen["rung"].numbers.index(i) for i in range(2)]
    for outputs in seen["outputs"].values():
        clean, noisy = (
            (outputs[f"{view}.logits"].argmax(-1) != outputs[f"{view}.labels"]).double().mean(1)[places]
            for view in ("clean", "noisy")
        )
        assert clean[1] > clean[0] + 0.02 and noisy[0] > noisy[1] + 0.05


def test_all_rows_start_from_a_base_that_knows_the_clean_digits(read, cache):
    settings = SMALL | {"base_steps": 300}
    rung = read([{"learning_rate": 0.0}], settings=settings)[8]
    start = classify.base(settings, "cpu", cache)
    assert rung["rung"].base == fingerprint(start) == fingerprint(rung["weights"][0])
    outputs = rung["outputs"]["report"]
    assert (outputs["clean.logits"].argmax(-1) != outputs["clean.labels"]).double().mean() < 0.4


def test_an_unknown_model_is_refused(read):
    with pytest.raises(ValueError, match="classify settings model: expected 'mlp' or 'cnn', got 'vit'"):
        read([{}], settings={"model": "vit"})
