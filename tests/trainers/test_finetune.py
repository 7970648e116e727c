import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div

from objectives.measures import kl_to_reference, nll
from tests.trainers.rungs import watched
from trainers import finetune
from trainers.cached import fingerprint
from trainers.data import text
from trainers.models.gpt import GPT
from trainers.order import order
from trainers.params import complete
from trainers.population import Population
from trainers.rung import Task, expand

SMALL = {"width": 16, "heads": 2, "context": 16, "base_steps": 60, "batch": 2}
SMALL |= {"train_windows": 48, "choose_windows": 6, "report_windows": 7}
MODES = {
    "full": {},
    "lora": {"adapt": "lora"},
    "upper": {"trained": "upper"},
    "upper lora": {"trained": "upper", "adapt": "lora", "rank": 2},
    "head": {"trained": "head"},
}
modes = pytest.mark.parametrize("mode", [SMALL | own for own in MODES.values()], ids=MODES)
CARES = {
    "new": {"new": 1.0, "old": 0.0, "reference": 0.0},
    "old": {"new": 0.1, "old": 0.9, "reference": 0.0},
    "reference": {"new": 0.1, "old": 0.0, "reference": 0.9},
}


@pytest.fixture
def tune(cache):
    """Params of the tasks -> rungs by step; outputs, weights, checkpoints were read while they were live."""

    def tune(given, *, settings=SMALL, steps=8, rung_steps=8, cache=cache):
        tasks = given if isinstance(given[0], Task) else [task(i, **params) for i, params in enumerate(given)]
        how = {"steps": steps, "rung_steps": rung_steps, "settings": settings, "cache": cache}
        return watched(finetune.train, tasks, **how)

    return tune


def task(number, **params):
    return Task(number=number, seed=0, params=params)


def lab(settings, cache, *, dtype=torch.float64):
    """The learner, the lesson and the plain base of a study, in `dtype`."""
    settings = finetune._checked(settings)
    start = finetune.base(settings, "cpu", cache)
    lesson = finetune._lesson(settings, start, "cpu", cache)
    cast = lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor  # noqa: E731
    start = {name: cast(tensor) for name, tensor in start.items()}
    return finetune._learner(settings, start), {name: cast(tensor) for name, tensor in lesson.items()}, start


def population(learner, lesson, initial, tasks, *, steps, engine="stacked"):
    made = Population(learner, finetune.loss, lesson, initial=initial, batch=SMALL["batch"], engine=engine, steps=steps)
    made.admit([Task(number=t.number, seed=t.seed, params=complete(finetune.SPACE, t.params, where="")) for t in tasks])
    return made


def judged(outputs, name):
    """Measures (k,) of a text's outputs: negative log-likelihood, distance from the base."""
    own = {key.removeprefix(f"{name}."): value for key, value in outputs.items() if key.startswith(f"{name}.")}
    return nll.measure(own), kl_to_reference.measure(own)


@modes
def test_outputs_are_what_the_trainer_provides(mode, tune):
    trained = {"all": 0, "upper": 1, "head": 2}[mode.get("trained", "all")]
    rungs = tune([{}, {"optimizer": {"name": "muon"}}], settings=mode)
    for split, outputs in rungs[8]["outputs"].items():
        n = SMALL[f"{split}_windows"] * 16
        assert set(outputs) == set(expand(finetune.PROVIDES, finetune.SETTINGS))
        for name in ("new", "old"):
            assert outputs[f"{name}.logits"].shape == (2, n, 256)
            assert outputs[f"{name}.reference_logits"].shape == (n, 256)
            assert outputs[f"{name}.labels"].shape == (n,)
        if mode.get("adapt") == "lora":
            expected = (2 - trained) * mode.get("rank", 4) * (4 * 16 + 2 * 16 + 5 * 16 + 5 * 16)
        else:
            part = GPT(width=16, heads=2, context=16, first=trained)
            expected = sum(tensor.numel() for tensor in part.parameters())
        assert outputs["parameters"].tolist() == [expected] * 2
        assert outputs["seconds"].tolist() == rungs[8]["rung"].seconds


@modes
def test_finished_models_are_judged_as_they_were_on_the_way(mode, tune, cache):
    rungs = tune([{"weights": weights} for weights in CARES.values()], settings=mode)
    for split, expected in rungs[8]["outputs"].items():
        weights = rungs[8]["weights"]
        found = finetune.evaluate(weights, split=split, settings=mode, device="cpu", cache=cache)
        assert set(found) == set(expected) and found["seconds"].tolist() == [0.0] * 3
        assert all(found[name].equal(expected[name]) for name in found if name != "seconds")


@modes
def test_weights_load_into_the_plain_module_and_move_only_what_is_trained(mode, tune, cache):
    rung, start = tune([{}, {}], settings=mode)[8], finetune.base(mode, "cpu", cache)
    module = finetune.module(mode)
    assert type(module) is GPT and set(rung["weights"][1]) == set(module.state_dict())
    module.load_state_dict(rung["weights"][1])
    windows = finetune._windows(finetune._checked(mode), "choose")[:, 1, :-1]
    logits = module(windows).detach().flatten(0, 1)
    torch.testing.assert_close(logits, rung["outputs"]["choose"]["old.logits"][1], rtol=1e-5, atol=1e-5)
    moved = {name for name, tensor in rung["weights"][1].items() if not tensor.equal(start[name])}
    names = {name for name, _ in module.named_parameters()}
    if mode.get("adapt") == "lora":
        names = {name for name in names if name.split(".")[-2] in ("attend", "gather", "widen", "narrow")}
    below = {"all": (), "upper": ("token", "position", "blocks.0"), "head": ("token", "position", "blocks")}
    assert moved == {name for name in names if not name.startswith(below[mode.get("trained", "all")])}


@modes
def test_all_rows_start_from_the_base(mode, tune, cache):
    start = finetune.base(mode, "cpu", cache)
    rung = tune([{"learning_rate": 0.0}], settings=mode)[8]
    assert rung["rung"].base == fingerprint(start) == fingerprint(rung["weights"][0])
    for name in ("new", "old"):
        outputs = rung["outputs"]["report"]
        assert outputs[f"{name}.logits"][0].equal(outputs[f"{name}.reference_logits"])


@modes
def test_a_checkpoint_goes_on_bit_for_bit_in_other_company(mode, tune):
    schedules = [{"name": "wsd", "warmup_fraction": 0.2}, {"name": "cosine"}, {"name": "linear"}]
    given = [{"optimizer": {"name": "adamw"}, "schedule": schedule} for schedule in schedules]
    whole = tune(given, settings=mode, steps=12, rung_steps=4)
    row = whole[4]["rung"].numbers.index(1)
    state = {name: tensor[row] for name, tensor in whole[4]["checkpoint"].items()}
    resumed = Task(number=1, params=given[1], seed=0, step=4, state=state)
    alone = tune([resumed], settings=mode, steps=12, rung_steps=4)
    assert list(alone) == [8, 12]
    for step, seen in alone.items():
        row = whole[step]["rung"].numbers.index(1)
        assert fingerprint(seen["weights"][0]) == fingerprint(whole[step]["weights"][row])
        assert seen["outputs"]["choose"]["new.logits"][0].equal(whole[step]["outputs"]["choose"]["new.logits"][row])


def test_the_loss_is_that_of_plain_formulas():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 2, 5, 256, generator=generator, dtype=torch.float64)
    reference = torch.randn(1, 4, 2, 5, 256, generator=generator, dtype=torch.float64)
    labels = torch.randint(256, (1, 4, 2, 5), generator=generator)
    shares = [(0.2, 0.3, 0.5), (1.0, 0.0, 0.0), (0.0, 0.4, 0.6)]
    names = ["forward_kl", "reverse_kl", "forward_kl"]
    tasks = [
        task(i, weights=dict(zip(("new", "old", "reference"), each, strict=True)), divergence={"name": name})
        for i, (each, name) in enumerate(zip(shares, names, strict=True))
    ]
    column = lambda values: torch.tensor(values, dtype=torch.float64)[:, None]  # noqa: E731
    found = finetune.loss(tasks, column=column)(logits, {"labels": labels, "reference_logits": reference})
    for i, (each, name) in enumerate(zip(shares, names, strict=True)):
        new, old = (cross_entropy(logits[i, :, v].flatten(0, 1), labels[0, :, v].flatten()) for v in range(2))
        pair = reference[0].flatten(0, 2).log_softmax(-1), logits[i].flatten(0, 2).log_softmax(-1)
        target, model = pair if name == "forward_kl" else reversed(pair)
        apart = kl_div(model, target, log_target=True, reduction="batchmean")
        torch.testing.assert_close(found[i], each[0] * new + each[1] * old + each[2] * apart, rtol=0, atol=1e-12)


@pytest.mark.parametrize("engine", ["stacked", "loop"])
def test_a_row_is_ordinary_training_alone_in_float64(engine, cache):
    """torch's own AdamW, clipping and schedule on the ordinary module."""
    learner, lesson, start = lab(SMALL, cache)
    cares = list(CARES.values())
    steps = 12
    tasks = [
        task(i, weights=weights, learning_rate=0.002 * (i + 1), clip_norm=0.4 * (i + 1), schedule={"name": "linear"})
        for i, weights in enumerate(cares)
    ]
    made = population(learner, lesson, learner.row(start), tasks, steps=steps, engine=engine)
    made.advance(steps)
    for one, row in zip(made.tasks, made.parameters, strict=True):
        params, module = one.params, finetune.module(SMALL).double()
        module.load_state_dict(start)
        own = {"lr": params["learning_rate"], "weight_decay": params["weight_decay"]}
        optimizer, weights = torch.optim.AdamW(module.parameters(), **own), params["weights"]
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
        for index in torch.from_numpy(order(0, 0, steps, n=48, batch=2)):
            logits, labels = module(lesson["inputs"][index]), lesson["labels"][index]
            target = lesson["reference_logits"][index].flatten(0, 2).log_softmax(-1)
            new, old = (cross_entropy(logits[:, v].flatten(0, 1), labels[:, v].flatten()) for v in range(2))
            apart = kl_div(logits.flatten(0, 2).log_softmax(-1), target, log_target=True, reduction="batchmean")
            optimizer.zero_grad()
            (weights["new"] * new + weights["old"] * old + weights["reference"] * apart).backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), params["clip_norm"])
            optimizer.step()
            schedule.step()
        expected = learner.row({name: tensor.detach() for name, tensor in module.state_dict().items()})
        assert (row - expected).abs().max() < 1e-11, f"task {one.number}"
        assert (row - learner.row(start)).abs().max() > 1e-3


@pytest.mark.parametrize("mode", ["upper", "upper lora", "head"])
def test_training_on_cached_features_is_training_above_a_frozen_prefix(mode, cache):
    """The same rows in float64, once by the features and once by the whole model with its lower part frozen."""
    settings = SMALL | MODES[mode]
    short, lesson, start = lab(settings, cache)
    depth = short.module().first
    network = finetune.module(SMALL).double()
    network.load_state_dict(start)
    tokens = finetune._windows(finetune._checked(settings), "train")[..., :-1]
    assert lesson["inputs"].shape == (48, 2, 16, 16)
    torch.testing.assert_close(  # what is cached was computed in float32
        lesson["inputs"], network.features(tokens, depth).detach(), rtol=0, atol=1e-5
    )
    lesson["inputs"] = network.features(tokens, depth).detach()
    whole = finetune._learner(finetune._checked(settings | {"trained": "all"}), start).module()
    frozen = ("token", "position", *(f"blocks.{i}." for i in range(depth)))
    for name, tensor in whole.named_parameters():
        if name.startswith(frozen):
            tensor.requires_grad_(False)
    whole = finetune.Stack(whole)
    assert [layer.name for layer in whole.layout] == [layer.name for layer in short.layout]
    initial = short.row(short.init(0) if "lora" in mode else start).double()
    tasks = [task(i, weights=weights) for i, weights in enumerate(CARES.values())]
    fast = population(short, lesson, initial, tasks, steps=10)
    slow = population(whole, lesson | {"inputs": tokens}, initial, tasks, steps=10)
    fast.advance(10)
    slow.advance(10)
    assert (fast.parameters - slow.parameters).abs().max() < 1e-12
    assert (fast.parameters - initial).abs().max() > 1e-3


def test_features_and_base_are_made_once(tune, tmp_path, monkeypatch):
    calls, fit = [], finetune.fit
    features = GPT.features
    monkeypatch.setattr(finetune, "fit", lambda *given, **own: calls.append("fit") or fit(*given, **own))
    monkeypatch.setattr(GPT, "features", lambda *given, **own: calls.append("features") or features(*given, **own))
    tune([{}], settings=SMALL | MODES["upper"], cache=tmp_path)
    assert calls == ["fit", "features"]
    tune([{}], settings=SMALL | MODES["upper lora"], cache=tmp_path)
    tune([{}], settings=SMALL, cache=tmp_path)
    assert calls == ["fit", "features"]
    tune([{}], settings=SMALL | MODES["head"], cache=tmp_path)
    assert calls == ["fit", "features", "features"]
    tune([{}], settings=SMALL | {"old": "docstrings"}, cache=tmp_path)
    assert calls[3:] == ["fit"]


def test_merging_averages_products_not_factors(tune, cache):
    mode, name = SMALL | MODES["lora"], "blocks.0.widen.weight"
    given = [{"weights": CARES[name], "learning_rate": 0.02} for name in ("new", "old")]
    seen = tune(given, settings=mode, steps=24, rung_steps=24)[24]
    start = finetune.base(mode, "cpu", cache)
    learner = finetune._learner(finetune._checked(mode), start)
    rows = seen["checkpoint"]["parameters"]
    factors = [learner.state(row) for row in (*rows, rows.mean(0))]
    products = [2.0 * state["blocks.0.widen.up"] @ state["blocks.0.widen.down"] for state in factors]
    merged = {key: torch.stack([state[key] for state in seen["weights"]]).mean(0) for key in start}
    torch.testing.assert_close(merged[name] - start[name], (products[0] + products[1]) / 2, rtol=0, atol=1e-6)
    assert (products[2] - (products[0] + products[1]) / 2).abs().max() > 1e-3
    module = finetune.module(mode)
    module.load_state_dict(merged)  # the merged model is a plain one
    outputs = finetune.evaluate([merged], split="choose", settings=mode, device="cpu", cache=cache)
    windows = finetune._windows(finetune._checked(mode), "choose")[:, 0, :-1]
    torch.testing.assert_close(module(windows).flatten(0, 1), outputs["new.logits"][0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("split", ["choose", "report"])
def test_each_wish_is_served_best_by_the_model_that_cares_for_it(tune, split):
    """The trade-off that a study of this trainer is about, on both held-out splits."""
    settings = SMALL | {"base_steps": 300, "batch": 8, "train_windows": 256, "choose_windows": 64, "report_windows": 64}
    seen = tune([{"weights": weights} for weights in CARES.values()], settings=settings, steps=80, rung_steps=80)[80]
    outputs, places = seen["outputs"][split], [seen["rung"].numbers.index(i) for i in range(3)]
    new, old, moved = (
        each[places] for each in (judged(outputs, "new")[0], judged(outputs, "old")[0], judged(outputs, "old")[1])
    )
    assert new.argmin() == 0 and old.argmax() == 0 and moved.argmin() == 2
    assert (new[1:] > new[0] + 0.05).all() and (old[1:] < old[0] - 0.05).all() and (moved[:2] > 2 * moved[2]).all()


def test_texts_are_the_ones_that_a_study_names_and_from_all_over_them():
    windows = finetune._windows(finetune._checked(SMALL | {"new": "docstrings", "report_windows": 10}), "report")
    for i, domain in enumerate(("docstrings", "prose")):
        everything = text.windows(domain, 16)["report"]
        places = [everything.eq(row).all(1).nonzero()[0].item() for row in windows[:, i]]
        assert places[0] == 0 and places[-1] > 0.99 * len(everything) - 2
        assert places == sorted(places)
    assert len(finetune._windows(finetune._checked(SMALL | {"report_windows": 10**9}), "report")) == min(
        len(text.windows(domain, 16)["report"]) for domain in ("prose", "code")
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"adapt": "prefix"}, r"finetune settings adapt: expected one of \['full', 'lora'\], got 'prefix'"),
        ({"trained": "lower"}, r"finetune settings trained: expected one of .* got 'lower'"),
        ({"trained": "head", "adapt": "lora"}, "expected 'full' where only the head is trained, got 'lora'"),
        ({"old": "verse"}, "text domain: expected one of .* got 'verse'"),
        ({"depth": 3}, r"finetune settings: expected some of .* got \['depth'\]"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(wrong, message, cache):
    with pytest.raises(ValueError, match=message):
        finetune.base(SMALL | wrong, "cpu", cache)
