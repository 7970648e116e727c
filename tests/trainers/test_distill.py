import ast
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.trainers.rungs import watched
from trainers import cached, distill
from trainers.cached import fingerprint
from trainers.data import digits
from trainers.population import Population
from trainers.rung import Budget, Decision, Task, expand

SMALL = {"teacher_hidden": [64], "teacher_steps": 300}


@pytest.fixture
def teach(cache):
    """Params of the tasks -> rungs by step; outputs, weights, checkpoints were read while they were live."""

    def teach(given, *, steps=40, rung_steps=20, settings=SMALL, seed=0, cache=cache):
        tasks = [Task(number=i, params=params, seed=seed) for i, params in enumerate(given)]
        how = {"steps": steps, "rung_steps": rung_steps, "settings": settings, "cache": cache}
        return watched(distill.train, tasks, **how)

    return teach


def weights(**shares):
    return {"weights": {name: shares.get(name, 0.0) for name in ("labels", "teacher", "entropy")}}


@pytest.mark.parametrize("name", ["distill", "multitask"])
def test_what_a_trainer_declares_can_be_read_without_importing_it(name):
    tree = ast.parse(Path(f"trainers/{name}.py").read_text())
    found = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    space, settings, provides = (ast.literal_eval(found[each]) for each in ("SPACE", "SETTINGS", "PROVIDES"))
    assert all("default" in entry for entry in space.values())
    assert abs(sum(space["weights"]["default"].values()) - 1) < 1e-9
    assert "seconds" in expand(provides, settings)


def test_outputs_are_what_the_trainer_provides_in_the_shapes_of_the_alphabet(teach):
    rungs = teach([{}, {"optimizer": {"name": "muon"}}, {"divergence": {"name": "alpha"}}])
    assert list(rungs) == [20, 40]
    for split, n in (("choose", 397), ("report", 400)):
        outputs = rungs[40]["outputs"][split]
        assert set(outputs) == set(expand(distill.PROVIDES, distill.SETTINGS))
        assert outputs["logits"].shape == (3, n, 10) and outputs["reference_logits"].shape == (n, 10)
        assert outputs["labels"].equal(digits.load()[split][1])
        assert outputs["parameters"].tolist() == [2410.0] * 3
        assert outputs["seconds"].tolist() == rungs[40]["rung"].seconds


def test_finished_models_are_judged_as_they_were_on_the_way(teach, cache):
    rungs = teach([{"learning_rate": rate} for rate in (0.001, 0.01, 0.1)])
    for rung in rungs.values():
        for split in ("choose", "report"):
            found = distill.evaluate(rung["weights"], split=split, settings=SMALL, device="cpu", cache=cache)
            expected = rung["outputs"][split]
            assert found["seconds"].tolist() == [0.0] * 3
            assert all(found[name].equal(expected[name]) for name in expected if name != "seconds")


def test_weights_load_into_the_plain_module(teach):
    rung = teach([{}, {}])[40]
    module = distill.module(SMALL)
    module.load_state_dict(rung["weights"][1])
    logits = module(digits.load()["report"][0]).detach()
    torch.testing.assert_close(logits, rung["outputs"]["report"]["logits"][1], rtol=1e-5, atol=1e-5)


def test_a_checkpoint_of_the_trainer_goes_on_bit_for_bit(teach, cache):
    params = [{"optimizer": {"name": name}} for name in ("adamw", "sgd", "muon")]
    rungs = teach(params, steps=60)
    state = {name: tensor[0] for name, tensor in rungs[20]["checkpoint"].items()}
    number = rungs[20]["rung"].numbers[0]
    resumed = Task(number=number, params=params[number], seed=0, step=20, state=state)
    seen = []

    def at_rung(rung):
        seen.append(
            (
                rung.steps[rung.numbers.index(number)],
                rung.outputs("choose")["logits"][rung.numbers.index(number)],
            )
        )
        return Decision(keep=[True] * len(rung.numbers))

    others = [Task(number=90, params={"optimizer": {"name": "lion"}}, seed=4)]
    budget = Budget(steps=60, rung_steps=20, population=2)
    distill.train(
        [*others, resumed],
        budget=budget,
        settings=SMALL,
        device="cpu",
        cache=cache,
        at_rung=lambda rung: at_rung(rung) if number in rung.numbers else Decision(keep=[True]),
    )
    assert [step for step, _ in seen] == [40, 60]
    for step, logits in seen:
        assert logits.equal(rungs[step]["outputs"]["choose"]["logits"][0])


def test_all_rows_start_from_the_base(teach, cache):
    start = distill.base(SMALL, "cpu", cache)
    rung = teach([{"learning_rate": 0.0, "weight_decay": 0.0}])[20]
    assert rung["rung"].base == fingerprint(start) == fingerprint(rung["weights"][0])


def test_teacher_and_base_are_trained_once_and_again_when_their_files_are_cut(teach, tmp_path, monkeypatch):
    fit, calls = distill.fit, []
    monkeypatch.setattr(
        distill, "fit", lambda model, *given, **own: calls.append(model.parameters) or fit(model, *given, **own)
    )
    first = teach([{}], cache=tmp_path)
    assert sorted(calls) == [2410, 4810]  # parameters of the student and of the teacher
    teach([{}], cache=tmp_path)
    assert len(calls) == 2
    teach([{}], cache=tmp_path, settings=SMALL | {"base_steps": 5})
    assert calls[2:] == [2410]
    [path] = tmp_path.glob("distill-teacher-*")
    path.write_bytes(path.read_bytes()[:1000])
    again = teach([{}], cache=tmp_path)
    assert calls[3:] == [4810]
    assert again[40]["outputs"]["choose"]["reference_logits"].equal(first[40]["outputs"]["choose"]["reference_logits"])


def test_the_engines_of_a_study_agree(teach):
    given = [{"optimizer": {"name": name}} for name in ("adamw", "sgd")]
    stack, loop = (teach(given, settings=SMALL | {"engine": engine}) for engine in ("stacked", "loop"))
    logits = [rungs[40]["outputs"]["choose"]["logits"] for rungs in (stack, loop)]
    torch.testing.assert_close(*logits, rtol=1e-3, atol=1e-3)


def test_the_loss_is_the_weighted_sum_of_its_three_terms():
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(3, 8, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    labels = torch.randint(5, (3, 8), generator=generator)
    shares = [(0.2, 0.7, 0.1), (1.0, 0.0, 0.0), (0.0, 0.5, 0.5)]
    kinds = [{"name": "reverse_kl"}, {"name": "alpha", "order": 0.5}, {"name": "forward_kl"}]
    tasks = [
        Task(
            number=i,
            seed=0,
            params={
                "weights": {"labels": a, "teacher": b, "entropy": c},
                "temperature": 1.0 + i,
                "divergence": kind,
            },
        )
        for i, ((a, b, c), kind) in enumerate(zip(shares, kinds, strict=True))
    ]
    column = lambda values: torch.tensor(values, dtype=torch.float64)[:, None]  # noqa: E731
    found = distill.loss(tasks, column=column)(student, {"labels": labels, "reference_logits": teacher})
    for i, ((a, b, c), warmth) in enumerate(zip(shares, (1.0, 2.0, 3.0), strict=True)):
        p, q = ((logits[i] / warmth).softmax(-1) for logits in (teacher, student))
        reverse, forward = (q * (q / p).log()).sum(-1), (p * (p / q).log()).sum(-1)
        apart = (reverse, 4 * (1 - (p * q).sqrt().sum(-1)), forward)[i]
        sure = student[i].softmax(-1)
        penalty = torch.log(torch.tensor(5.0)) + (sure * sure.log()).sum(-1)
        expected = a * cross_entropy(student[i], labels[i]) + (b * warmth**2 * apart + c * penalty).mean()
        torch.testing.assert_close(found[i], expected, rtol=1e-7, atol=1e-9)


def test_each_divergence_is_computed_once_for_all_of_its_rows(monkeypatch):
    from objectives.divergences import forward_kl, total_variation

    calls = []
    for module in (forward_kl, total_variation):
        monkeypatch.setattr(
            module, "divergence", lambda p, q, plain=module.divergence: calls.append(len(q)) or plain(p, q)
        )
    names = ["total_variation", "forward_kl", "total_variation", "total_variation", "forward_kl"]
    tasks = [
        Task(number=i, seed=0, params={"temperature": 1.0, "divergence": {"name": name}} | weights(teacher=1.0))
        for i, name in enumerate(names)
    ]
    logits = torch.randn(5, 4, 3)
    distill.loss(tasks, column=lambda values: torch.tensor(values)[:, None])(
        logits, {"labels": torch.zeros(4, dtype=torch.int64), "reference_logits": torch.randn(4, 3)}
    )
    assert sorted(calls) == [2, 3]


def test_a_divergence_with_a_dot_is_the_users_own(teach, tmp_path, monkeypatch):
    (tmp_path / "user_package").mkdir()
    source = "SPACE = {'power': {'low': 1.0, 'high': 3.0, 'default': 2.0}}\ndef divergence(p, q, *, power):\n"
    source += "    return ((p.softmax(-1) - q.softmax(-1)).abs() ** power[..., None]).sum(-1)\n"
    (tmp_path / "user_package" / "gap.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    own = {"divergence": {"name": "user_package.gap", "power": 1.5}} | weights(teacher=1.0)
    nothing = {"divergence": {"name": "user_package.gap"}} | weights(teacher=1.0) | {"learning_rate": 0.0}
    outputs = teach([own, nothing], steps=100, rung_steps=100)[100]["outputs"]["choose"]
    gap = (outputs["logits"].softmax(-1) - outputs["reference_logits"].softmax(-1)).abs().sum(-1).mean(-1)
    assert gap[0] < 0.7 * gap[1]


def test_the_teacher_is_good_and_a_part_of_the_students_labels_is_wrong(cache):
    settings = distill.complete(distill.SETTINGS, {}, where="here")
    teacher = distill._teacher(settings, "cpu", cache)
    for split in ("choose", "report"):
        inputs, labels = digits.load()[split]
        assert (teacher(inputs).argmax(-1) != labels).float().mean() < 0.025
    inputs, labels = distill._lesson(settings)
    assert inputs.shape == (300, 64)
    true = {tuple(image.tolist()): label for image, label in zip(*digits.load()["train"], strict=True)}
    wrong = [true[tuple(image.tolist())] != label for image, label in zip(inputs, labels, strict=True)]
    assert sum(wrong) == 15


def test_labels_calibrate_the_teacher_makes_accurate_and_no_student_is_best_at_all(teach):
    """The trade-off that a study of this trainer is about, at its default settings, on both splits."""
    given = [weights(labels=0.9, teacher=0.05, entropy=0.05), weights(labels=0.05, teacher=0.9, entropy=0.05)]
    rung = teach(given, steps=200, rung_steps=200, settings={})[200]
    first, second = (rung["rung"].numbers.index(number) for number in (0, 1))
    for outputs in rung["outputs"].values():
        sure, guess = outputs["logits"].softmax(-1).max(-1)
        right = guess == outputs["labels"]
        error = 1 - right.float().mean(1)
        overconfidence = (sure.mean(1) - right.float().mean(1)).abs()  # at most the ECE
        reference = outputs["reference_logits"].log_softmax(-1)
        apart = (reference.exp() * (reference - outputs["logits"].log_softmax(-1))).sum(-1).mean(1)
        assert error[second] < error[first] - 0.01
        assert apart[second] < 0.5 * apart[first]
        assert overconfidence[first] < overconfidence[second] - 0.03


def test_a_name_that_no_setting_has_is_refused(teach):
    with pytest.raises(ValueError, match=r"distill settings: expected some of .* got \['widht'\]"):
        teach([{}], settings={"widht": 3})


def test_the_population_is_of_the_kind_that_advances_together(teach, monkeypatch):
    sizes, advance = [], Population.advance
    monkeypatch.setattr(
        Population, "advance", lambda self, steps: sizes.append(len(self.tasks)) or advance(self, steps)
    )
    teach([{}, {}, {}])
    assert sizes == [3, 3]
    assert cached.fingerprint is distill.fingerprint
