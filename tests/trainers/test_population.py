from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div
from torch.utils._python_dispatch import TorchDispatchMode

from trainers.optimizers import adamw, lion, muon, sgd
from trainers.order import order
from trainers.population import kind

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
    shared, own = toy.population(tasks), toy.population(tasks)
    once = own._orders
    monkeypatch.setattr(own, "_orders", lambda steps: once(steps)[:, None].repeat(6, 1))
    shapes = []
    monkeypatch.setattr(own, "_batch", lambda index, batch=own._batch: shapes.append(index.shape) or batch(index))
    assert shared._orders(2).shape == (2, toy.batch)
    shared.advance(STEPS)
    own.advance(STEPS)
    assert set(shapes) == {(6, toy.batch)}
    assert all(identical(row, rows(own)[number]) for number, row in rows(shared).items())


def test_rows_of_different_age_or_seed_read_examples_of_their_own(toy):
    population = toy.population([toy.task(0, seed=1), toy.task(1, seed=2)])
    assert population._orders(3).shape == (3, 2, toy.batch)
    population = toy.population([toy.task(0, seed=1)])
    population.advance(10)
    population.admit([toy.task(1, seed=1)])
    assert population._orders(3).shape == (3, 2, toy.batch)


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
    population = toy.population([toy.task(0), toy.task(1)])
    compute, calls = population.compute, []

    def once_infinite(parameters, batch):
        losses, gradient = compute(parameters, batch)
        calls.append(1)
        return (losses + torch.tensor([0.0, torch.inf]) if len(calls) == 3 else losses), gradient

    population.compute = once_infinite
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
    population = toy.population(tasks)
    population.advance(1)
    assert sorted(calls) == [(f"trainers.optimizers.{name}", 3) for name in ("adamw", "lion", "muon", "sgd")]
    assert [kind(task) for task in population.tasks] == sorted(kind(task) for task in tasks)


def test_an_exported_row_is_an_ordinary_module_with_the_same_logits(toy):
    population = toy.population([toy.task(number) for number in range(3)])
    population.advance(10)
    inputs = toy.data(torch.float32)["inputs"]
    stacked = toy.model.forward(toy.model.leaves(population.parameters), inputs)
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

    population = toy.population([toy.task(number) for number in range(12)])
    with Watch():
        population.advance(3)
    assert "aten::baddbmm" in Watch.seen
    assert not {name for name in Watch.seen if "_local_scalar_dense" in name or "nonzero" in name}
