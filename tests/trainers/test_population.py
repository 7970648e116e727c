import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div
from torch.utils._python_dispatch import TorchDispatchMode

from trainers import memory
from trainers import population as population_module
from trainers.chunk import Chunk
from trainers.engines import stacked
from trainers.optimizers import adamw, lion, muon, sgd
from trainers.order import order
from trainers.population import kind, logits
from trainers.stack import Stack

STEPS = 60


def alone(toy, task, step):
    """The row (p,) float64 of `task`, trained alone by ordinary means: `step` updates after each gradient."""
    module, data, params = toy.model.module().double(), toy.data(torch.float64), task.params
    module.load_state_dict(toy.model.init(1))
    memory, shares, warmth = {}, params["weights"], params["temperature"]
    for age, index in enumerate(torch.from_numpy(order(task.seed, 0, STEPS, n=96, batch=toy.batch)), 1):
        logits, teacher = module(data["inputs"][index]), data["reference_logits"][index]
        log_p = logits.log_softmax(-1)
        apart = kl_div((logits / warmth).log_softmax(-1), (teacher / warmth).softmax(-1), reduction="batchmean")
        penalty = torch.log(torch.tensor(4.0, dtype=torch.float64)) + (log_p.exp() * log_p).sum(-1).mean()
        loss = shares["labels"] * cross_entropy(logits, data["labels"][index])
        loss = loss + shares["teacher"] * warmth**2 * apart + shares["entropy"] * penalty
        module.zero_grad()
        loss.backward()
        step(module, memory, age)
    return toy.model.row({name: tensor.detach() for name, tensor in module.state_dict().items()})


def torch_sgd(params):
    def step(module, memory, age):
        own = {"lr": params["learning_rate"], "momentum": params["optimizer"]["momentum"]}
        optimizer = memory.setdefault("optimizer", torch.optim.SGD(module.parameters(), **own))
        with torch.no_grad():  # decoupled decay, which torch.optim.SGD does not have
            for tensor in module.parameters():
                tensor.mul_(1 - params["learning_rate"] * params["weight_decay"])
        optimizer.step()

    return step


def torch_adamw(params):
    own = {"lr": params["learning_rate"], "weight_decay": params["weight_decay"]}

    def step(module, memory, age):
        memory.setdefault("optimizer", torch.optim.AdamW(module.parameters(), **own)).step()

    return step


def plain_lion(params):
    rate, decay = params["learning_rate"], params["weight_decay"]

    @torch.no_grad()
    def step(module, memory, age):
        for name, tensor in module.named_parameters():
            average = memory.get(name, torch.zeros_like(tensor))
            direction = torch.sign(0.9 * average + 0.1 * tensor.grad)
            tensor.copy_((1 - rate * decay) * tensor - rate * direction)
            memory[name] = 0.99 * average + 0.01 * tensor.grad

    return step


def plain_muon(params):
    rate, decay, momentum = params["learning_rate"], params["weight_decay"], params["optimizer"]["momentum"]

    @torch.no_grad()
    def step(module, memory, age):
        hidden = module[2].weight
        velocity = memory["velocity"] = momentum * memory.get("velocity", 0) + hidden.grad
        x = hidden.grad + momentum * velocity
        x = x / (torch.linalg.matrix_norm(x) + 1e-7)
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
        hidden.copy_((1 - rate * decay) * hidden - rate * 0.2 * 10**0.5 * x)
        rest = [tensor for tensor in module.parameters() if tensor is not hidden]
        memory.setdefault("rest", torch.optim.AdamW(rest, lr=rate, weight_decay=decay)).step()

    return step


@pytest.mark.parametrize(
    ("name", "reference"),
    [("sgd", torch_sgd), ("adamw", torch_adamw), ("lion", plain_lion), ("muon", plain_muon)],
)
def test_a_row_of_the_stack_is_training_alone_in_float64(toy, name, reference):
    divergence = {"name": "forward_kl"}
    tasks = [toy.task(number, optimizer=name, divergence=divergence) for number in range(4)]
    population = toy.population(tasks, dtype=torch.float64)
    population.advance(STEPS)
    for task, row in zip(population.tasks, population.parameters, strict=True):
        expected = alone(toy, task, reference(task.params))
        assert (row - expected).abs().max() < 1e-12, f"task {task.number}"
        assert (row - population.initial).abs().max() > 1e-3


@pytest.mark.parametrize(("engine", "steps"), [("stacked", 25), ("loop", 6)])
@pytest.mark.parametrize("seed", [None, 7])
def test_a_row_is_the_same_bits_in_every_company_and_place(toy, rows, identical, engine, steps, seed):
    tasks = [toy.task(number, seed=seed) for number in range(32)]
    assert len({kind(task) for task in tasks}) > 8
    crowd = toy.population(tasks, engine=engine)
    crowd.advance(steps)
    expected = rows(crowd)
    for k, total in ((1, 6), (5, 32)):
        for start in range(0, total, k):
            few = toy.population(reversed(tasks[start : start + k]), engine=engine)
            few.advance(steps)
            for number, row in rows(few).items():
                assert identical(row, expected[number]), f"task {number} in company of {k}"


def test_the_examples_of_all_rows_are_gathered_once_when_they_are_the_same_with_the_same_bits(
    toy, rows, identical, monkeypatch
):
    tasks = [toy.task(number, seed=3) for number in range(6)]
    seen, examples = [], Chunk.examples
    monkeypatch.setattr(Chunk, "examples", lambda self, given: seen.append(examples(self, given)) or seen[-1])
    shared, own = toy.population(tasks, chunk=6), toy.population(tasks, chunk=6)
    shared.advance(STEPS)
    assert {batch["inputs"].shape for batch in seen} == {(1, toy.batch, 12)}
    table = Chunk._table

    def spread(self, tasks, steps):
        found = table(self, tasks, steps)
        return found | {"index": found["index"][:, None].repeat(1, len(tasks), 1)}

    monkeypatch.setattr(Chunk, "_table", spread)
    own.advance(STEPS)
    assert {batch["inputs"].shape for batch in seen[STEPS:]} == {(6, toy.batch, 12)}
    assert all(identical(row, rows(own)[number]) for number, row in rows(shared).items())


def test_rows_of_different_age_or_seed_read_examples_of_their_own(toy, monkeypatch):
    tables, table = [], Chunk._table
    monkeypatch.setattr(Chunk, "_table", lambda self, *given: tables.append(table(self, *given)) or tables[-1])
    toy.population([toy.task(0, seed=1), toy.task(1, seed=2)], chunk=2).advance(3)
    assert tables[-1]["index"].shape == (3, 2, toy.batch)
    population = toy.population([toy.task(0, seed=1)], chunk=2)
    population.advance(10)
    population.admit([toy.task(1, seed=1)])
    population.advance(3)
    assert tables[-1]["index"].shape == (3, 2, toy.batch)


def test_a_row_that_explodes_is_not_finite_and_its_neighbours_keep_their_bits(toy, rows, identical):
    tasks = [toy.task(number) for number in range(6)]
    calm = toy.population(tasks)
    wild = toy.population([*tasks, toy.task(6, learning_rate=1e9, weight_decay=1e-2)])
    calm.advance(STEPS)
    wild.advance(STEPS)
    assert calm.finite == [True] * 6
    finite = {task.number: finite for task, finite in zip(wild.tasks, wild.finite, strict=True)}
    assert finite == {number: number != 6 for number in range(7)}
    assert all(identical(row, rows(wild)[number]) for number, row in rows(calm).items())


def test_a_loss_that_was_infinite_on_the_way_is_not_finite_even_if_the_parameters_are(toy):
    population = toy.population([toy.task(0), toy.task(1)], chunk=2)
    chunk = population._chunk(slice(0, 2))
    compute, calls = chunk.compute, []

    def once_infinite(parameters, batch):
        losses, gradient = compute(parameters, batch)
        calls.append(1)
        return (losses + torch.tensor([0.0, torch.inf]) if len(calls) == 3 else losses), gradient

    chunk.compute = once_infinite
    population.advance(10)
    assert population.finite == [True, False]
    assert population.parameters.isfinite().all()


@pytest.mark.parametrize(("engine", "steps"), [("stacked", 20), ("loop", 6)])
def test_a_saved_row_goes_on_bit_for_bit_in_another_company(toy, rows, identical, engine, steps):
    tasks = [toy.task(number) for number in range(8)]
    whole = toy.population(tasks, engine=engine)
    whole.advance(2 * steps)
    first = toy.population(tasks, engine=engine)
    first.advance(steps)
    saved, kept = first.checkpoint(), {task.number: i for i, task in enumerate(first.tasks)}
    assert {tensor.shape[0] for tensor in saved.values()} == {8}
    first.advance(5)  # what was saved must not move with the rows
    for company in ([0], [3, 1], [5, 2, 7]):
        resumed = [
            replace(tasks[number], step=steps, state={key: t[kept[number]] for key, t in saved.items()})
            for number in company
        ]
        second = toy.population([*resumed, toy.task(99)], engine=engine)
        second.advance(steps)
        for number in company:
            assert identical(rows(second)[number], rows(whole)[number]), f"task {number} in {company}"


def test_the_cost_of_a_saved_row_goes_on_counting(toy):
    population = toy.population([toy.task(0), toy.task(1)])
    population.advance(5)
    assert population.seconds[0] == population.seconds[1] > 0
    state = {key: tensor[0] for key, tensor in population.checkpoint().items()}
    resumed = toy.population([replace(population.tasks[0], state=state)])
    assert resumed.seconds == population.seconds[:1]
    resumed.advance(5)
    assert resumed.seconds[0] > population.seconds[0]


def test_a_row_admitted_on_the_way_is_a_fresh_start(toy, rows, identical):
    fresh = toy.population([toy.task(9)])
    fresh.advance(STEPS)
    population = toy.population([toy.task(number) for number in range(6)])
    population.advance(25)
    population.drop([number % 2 == 0 for number in range(6)])
    population.admit([toy.task(9)])
    population.advance(STEPS)
    ages = {task.number: task.step for task in population.tasks}
    assert ages.pop(9) == STEPS and set(ages.values()) == {25 + STEPS} and len(ages) == 3
    assert identical(rows(population)[9], rows(fresh)[9])


def test_dropping_rows_leaves_the_others_their_bits(toy, rows, identical):
    tasks = [toy.task(number) for number in range(9)]
    whole, thinned = toy.population(tasks), toy.population(tasks)
    whole.advance(STEPS)
    thinned.advance(20)
    thinned.drop([task.number % 3 == 0 for task in thinned.tasks])
    thinned.advance(STEPS - 20)
    assert sorted(rows(thinned)) == [0, 3, 6]
    assert all(identical(row, rows(whole)[number]) for number, row in rows(thinned).items())


def test_every_row_can_leave_and_new_ones_come(toy):
    population = toy.population([toy.task(0), toy.task(1)])
    population.drop([False, False])
    assert population.tasks == [] and len(population.parameters) == 0
    population.admit([toy.task(2)])
    population.advance(1)
    assert population.finite == [True]


def test_an_optimizer_steps_once_for_all_of_its_rows(toy, monkeypatch):
    calls = []
    for module in (sgd, adamw, lion, muon):
        monkeypatch.setattr(
            module, "update", lambda rows, *_, name=module.__name__, **__: calls.append((name, len(rows)))
        )
    tasks = [toy.task(number, optimizer=("sgd", "adamw", "lion", "muon")[number % 4]) for number in range(12)]
    population = toy.population(tasks, chunk=12)
    population.advance(1)
    assert sorted(calls) == [(f"trainers.optimizers.{name}", 3) for name in ("adamw", "lion", "muon", "sgd")]
    assert [kind(task) for task in population.tasks] == sorted(kind(task) for task in tasks)


def test_an_exported_row_is_an_ordinary_module_with_the_same_logits(toy):
    population = toy.population([toy.task(number) for number in range(3)])
    population.advance(10)
    inputs = toy.data(torch.float32)["inputs"]
    stacked = toy.model.forward(toy.model.leaves(population.parameters), inputs[None])
    for i in range(3):
        module = toy.model.module()
        module.load_state_dict(population.export(i))
        torch.testing.assert_close(module(inputs).detach(), stacked[i], rtol=1e-5, atol=1e-5)
    kept = population.export(0)
    before = {name: tensor.clone() for name, tensor in kept.items()}
    population.advance(5)
    assert all(torch.equal(kept[name], before[name]) for name in kept)


def test_nothing_is_read_back_on_the_way(toy):
    class Watch(TorchDispatchMode):
        seen = set()

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.seen.add(function.name())
            return function(*args, **(kwargs or {}))

    population = toy.population([toy.task(number) for number in range(12)], chunk=12)
    chunk = population._chunk(slice(0, 12))
    table = chunk._table(population.tasks, 3)
    with Watch():
        for i in range(3):
            chunk.step({name: tensor[i] for name, tensor in table.items()})
    assert "aten::baddbmm" in Watch.seen
    assert not {name for name in Watch.seen if "_local_scalar_dense" in name or "nonzero" in name}


# chunks


@pytest.mark.parametrize("engine", ["stacked", "loop"])
@pytest.mark.parametrize("seed", [None, 7])
def test_the_size_of_a_chunk_changes_no_bit(toy, rows, identical, engine, seed):
    tasks = [toy.task(number, seed=seed) for number in range(13)]
    found = {}
    for chunk in (1, 2, 5, 13, 64):
        population = toy.population(tasks, engine=engine, chunk=chunk)
        population.advance(6)
        population.drop([task.number != 4 for task in population.tasks])
        population.advance(4)
        found[chunk] = rows(population)
    for chunk, these in found.items():
        assert all(identical(row, found[13][number]) for number, row in these.items()), f"chunk of {chunk}"


def test_a_chunk_takes_all_of_its_steps_before_the_next_one_begins(toy, monkeypatch):
    calls, step = [], Chunk.step
    monkeypatch.setattr(Chunk, "step", lambda self, given: calls.append(len(self.parameters)) or step(self, given))
    population = toy.population([toy.task(number) for number in range(10)], chunk=4)
    population.advance(3)
    assert calls == [4, 4, 4, 4, 4, 4, 2, 2, 2]


def test_a_chunk_is_as_large_as_the_cache_is_good_for(toy, monkeypatch):
    monkeypatch.setattr(memory, "CACHE_BYTES", 80_000)
    population = toy.population([toy.task(number) for number in range(20)])
    population.advance(1)
    few = population.chunk
    monkeypatch.setattr(memory, "CACHE_BYTES", 320_000)
    population = toy.population([toy.task(number) for number in range(20)])
    population.advance(1)
    assert memory.FEWEST < few and population.chunk == 4 * few < memory.MOST


# memory


class Hungry:
    """An engine that can hold `most` rows at once, and fails at the step `late` of a chunk that is larger."""

    def __init__(self, most, late=3, error=None):
        self.most, self.late, self.calls = most, late, []
        self.error = error or RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ...")

    def gradients(self, model, loss, tasks):
        compute, steps = stacked.gradients(model, loss, tasks), []

        def careful(parameters, batch):
            steps.append(1)
            if len(parameters) > self.most and len(steps) >= self.late:
                raise self.error
            self.calls.append(len(parameters))
            return compute(parameters, batch)

        return careful


@pytest.fixture
def hungry(monkeypatch):
    def hungry(*given, **named):
        engine = Hungry(*given, **named)
        monkeypatch.setattr(population_module.Population, "_gradients", lambda self: engine.gradients)
        return engine

    return hungry


@pytest.mark.parametrize(
    "error", [None, MemoryError(), torch.OutOfMemoryError("CUDA out of memory")], ids=["cpu", "python", "cuda"]
)
def test_a_chunk_that_runs_out_of_memory_goes_on_in_halves_with_the_same_bits(
    toy, rows, identical, hungry, caplog, error
):
    tasks = [toy.task(number) for number in range(12)]
    plain = toy.population(tasks, chunk=12)
    plain.advance(20)
    hungry(3, error=error)
    short = toy.population(tasks, chunk=12)
    short.advance(10)
    short.advance(10)
    assert short.chunk == 3 and short.failures == [None] * 12 and short.finite == [True] * 12
    assert [record.getMessage() for record in caplog.records] == [
        "12 rows ran out of memory; they go on 6 at a time", "6 rows ran out of memory; they go on 3 at a time",
    ]  # fmt: skip
    assert all(identical(row, rows(plain)[number]) for number, row in rows(short).items())


def test_a_row_that_does_not_fit_alone_fails_as_it_was_and_its_neighbours_live_on(toy, rows, identical, hungry):
    tasks = [toy.task(number, optimizer="sgd") for number in range(3)]
    plain = toy.population(tasks)
    plain.advance(10)
    engine = hungry(99)
    population = toy.population(tasks, chunk=1)
    compute = engine.gradients

    def one_is_too_large(model, loss, tasks):
        engine.most = 0 if tasks[0].number == 1 else 99
        return compute(model, loss, tasks)

    engine.gradients = one_is_too_large
    population.advance(10)
    place = [task.number for task in population.tasks].index(1)
    assert population.failures[place][0] == "out_of_memory" and "can't allocate" in population.failures[place][1]
    assert population.tasks[place].step == 0 and population.parameters[place].equal(population.initial)
    others = {number: row for number, row in rows(population).items() if number != 1}
    assert len(others) == 2 and all(identical(row, rows(plain)[number]) for number, row in others.items())


def test_any_other_error_passes_through(toy, hungry):
    hungry(1, error=RuntimeError("a mistake"))
    population = toy.population([toy.task(0), toy.task(1)], chunk=2)
    with pytest.raises(RuntimeError, match="a mistake"):
        population.advance(5)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of the address space that holds")
def test_where_memory_really_ends_the_rows_go_on_in_smaller_chunks_with_the_same_bits():
    command = [sys.executable, "-m", "tests.trainers.short_of_memory"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["ample"]["chunk"] == 16 and 1 <= found["short"]["chunk"] < 16
    assert found["short"]["failures"] == found["ample"]["failures"] == 0
    assert found["short"]["bits"] == found["ample"]["bits"]
    assert "16 rows ran out of memory; they go on 8 at a time" in told.stderr


# what each row has of its own


def trained(toy, tasks, steps, **how):
    population = toy.population(tasks, dtype=torch.float64, steps=steps, **how)
    population.advance(steps)
    return {task.number: row for task, row in zip(population.tasks, population.parameters, strict=True)}


SCHEDULES = {
    "constant": lambda x, w: min(1, x / w) if w else 1,
    "linear": lambda x, w: (min(1, x / w) if w else 1) * (1 - max(0, (x - w) / (1 - w))),
    "cosine": lambda x, w: (min(1, x / w) if w else 1) * (1 + math.cos(math.pi * max(0, (x - w) / (1 - w)))) / 2,
}


def test_every_row_follows_its_own_schedule_as_under_torch_optim_in_float64(toy):
    warm, calm = {"warmup_fraction": 0.2}, {"name": "forward_kl"}
    tasks = [
        toy.task(i, optimizer="adamw", divergence=calm, schedule={"name": name, **(warm if i % 2 else {})})
        for i, name in enumerate([*SCHEDULES, *SCHEDULES])
    ]
    found = trained(toy, tasks, STEPS)
    for task in tasks:
        factor, share = SCHEDULES[task.params["schedule"]["name"]], task.params["schedule"].get("warmup_fraction", 0)
        own = {"lr": task.params["learning_rate"], "weight_decay": task.params["weight_decay"]}

        def step(module, memory, age, own=own, factor=factor, share=share):
            if "optimizer" not in memory:
                memory["optimizer"] = torch.optim.AdamW(module.parameters(), **own)
                memory["schedule"] = torch.optim.lr_scheduler.LambdaLR(
                    memory["optimizer"], lambda done: factor(done / STEPS, share)
                )
            memory["optimizer"].step()
            memory["schedule"].step()

        assert (found[task.number] - alone(toy, task, step)).abs().max() < 1e-12, task.params["schedule"]


def test_a_schedule_goes_on_where_a_row_stopped_in_every_company(toy, rows, identical):
    tasks = [toy.task(i, schedule={"name": ["linear", "cosine"][i % 2], "warmup_fraction": 0.1}) for i in range(7)]
    whole = toy.population(tasks, steps=40, chunk=7)
    whole.advance(20)
    saved = whole.checkpoint()
    states = {task.number: {key: t[i] for key, t in saved.items()} for i, task in enumerate(whole.tasks)}
    whole.advance(20)
    for company in ([3], [1, 6, 2]):
        resumed = toy.population([replace(tasks[i], step=20, state=states[i]) for i in company], steps=40)
        resumed.admit([toy.task(9, schedule={"name": "linear", "warmup_fraction": 0.3})])
        resumed.advance(20)
        assert all(identical(rows(resumed)[i], rows(whole)[i]) for i in company)


def test_a_schedule_needs_to_know_where_the_end_is(toy):
    population = toy.population([toy.task(0, schedule={"name": "linear"})])
    with pytest.raises(ValueError, match="schedule linear: expected a population that knows its steps"):
        population.advance(1)


def test_every_row_clips_its_own_gradient_as_torch_does_in_float64(toy):
    calm = {"name": "forward_kl"}
    tasks = [toy.task(i, optimizer="sgd", divergence=calm, clip_norm=norm) for i, norm in enumerate([0.05, None, 0.3])]
    found = trained(toy, tasks, STEPS)
    for task in tasks:
        plain, norm = torch_sgd(task.params), task.params["clip_norm"]

        def step(module, memory, age, plain=plain, norm=norm):
            if norm is not None:
                torch.nn.utils.clip_grad_norm_(module.parameters(), norm)
            plain(module, memory, age)

        assert (found[task.number] - alone(toy, task, step)).abs().max() < 1e-12
    free = trained(toy, [replace(task, params=task.params | {"clip_norm": None}) for task in tasks], STEPS)
    assert (free[0] - found[0]).abs().max() > 1e-3 and free[1].equal(found[1])


@pytest.fixture
def dropping(toy):
    """The toy with dropout between its layers; a task's own probability counts, not the layer's 0.5."""
    layers = list(toy.model.module())
    toy.model = Stack(torch.nn.Sequential(*layers[:2], torch.nn.Dropout(), *layers[2:]))
    return toy


def test_what_a_row_drops_follows_from_its_task_alone(dropping, rows, identical):
    tasks = [dropping.task(i, seed=i % 3, dropout=[0.0, 0.2, 0.6][i % 3]) for i in range(9)]
    crowd = dropping.population(tasks, chunk=9)
    crowd.advance(20)
    for company in ([4], [8, 3], [0, 5, 1]):
        few = dropping.population([tasks[i] for i in company], chunk=2)
        few.advance(8)
        saved = few.checkpoint()
        states = {task.number: {key: t[i] for key, t in saved.items()} for i, task in enumerate(few.tasks)}
        resumed = dropping.population([replace(tasks[i], step=8, state=states[i]) for i in company[::-1]])
        resumed.advance(12)
        assert all(identical(rows(resumed)[i], rows(crowd)[i]) for i in company)


def test_dropout_is_the_same_under_every_engine_and_differs_by_seed_and_probability(dropping):
    tasks = [dropping.task(5, seed=seed, dropout=share) for seed, share in ((1, 0.0), (1, 0.3), (2, 0.3))]
    tasks = [replace(task, number=i) for i, task in enumerate(tasks)]
    found = [trained(dropping, tasks, 10, engine=engine, chunk=3) for engine in ("stacked", "loop", "vmap")]
    for other in found[1:]:
        assert all((other[i] - found[0][i]).abs().max() < 1e-12 for i in range(3))
    assert all((found[0][i] - found[0][j]).abs().max() > 1e-3 for i, j in ((0, 1), (1, 2)))


# judging


def test_outputs_are_those_of_every_row_alone_however_they_are_cut(toy, monkeypatch):
    population = toy.population([toy.task(number) for number in range(7)])
    population.advance(10)
    inputs = toy.data(torch.float32)["inputs"]
    whole = logits(toy.model, population.parameters, inputs)
    assert whole.shape == (7, 96, 4)
    for i in range(7):
        assert logits(toy.model, population.parameters[i : i + 1], inputs)[0].equal(whole[i])
    shapes, forward = [], Stack.forward
    monkeypatch.setattr(
        Stack,
        "forward",
        lambda self, *given: shapes.append((len(given[0][0]), given[1].shape[1])) or forward(self, *given),
    )
    monkeypatch.setattr(memory, "CACHE_BYTES", 12 * 4 * 32)  # 32 examples of one row
    torch.testing.assert_close(logits(toy.model, population.parameters, inputs), whole, rtol=1e-5, atol=1e-5)
    assert set(shapes) == {(1, 32)} and len(shapes) == 21
