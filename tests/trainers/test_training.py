"""Every kind of model: rows of a population against training alone under torch.optim, and against other company."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from trainers.bucket import Bucket
from trainers.chunk import Chunk
from trainers.models.cnn import CNN
from trainers.models.gpt import GPT, adapt
from trainers.models.mlp import MLP
from trainers.order import order
from trainers.population import Population
from trainers.rung import Task
from trainers.stack import Stack

BATCH, N = 16, 48
MODELS = {
    "mlp": lambda: MLP((64, 32, 10)),
    "cnn": lambda: CNN((8, 16), norm="group"),
    "gpt": lambda: GPT(layers=1, width=32, heads=2, vocabulary=32, context=8),
    "lora": lambda: adapt(GPT(layers=1, width=32, heads=2, vocabulary=32, context=8)),
}
STEPS = {"mlp": 60, "cnn": 30, "gpt": 15, "lora": 15}


def material(name, dtype):
    generator = torch.Generator().manual_seed(0)
    if name in ("mlp", "cnn"):
        inputs = torch.randn(N, 64, generator=generator, dtype=torch.float64).to(dtype)
        return {"inputs": inputs, "labels": torch.randint(10, (N,), generator=generator)}
    text = torch.randint(32, (N, 9), generator=generator)
    return {"inputs": text[:, :-1].contiguous(), "labels": text[:, 1:].contiguous()}


def loss(tasks, *, column):
    def compute(outputs, batch):
        labels = batch["labels"].expand(outputs.shape[:-1])
        return -outputs.log_softmax(-1).gather(-1, labels[..., None])[..., 0].flatten(1).mean(1)

    return compute


def grown(name, tasks, dtype, **how):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = Stack(MODELS[name]())
    initial = model.row(model.init(1)).to(dtype)
    population = Population(
        model, loss, material(name, dtype), initial=initial, batch=BATCH, **{"engine": "stacked"} | how
    )
    population.admit(tasks)
    return population


def tasks_of(optimizer, k):
    rate = {"sgd": 0.02, "adamw": 0.003, "lion": 0.0005}[optimizer]
    own = {"name": optimizer} | ({"momentum": 0.8} if optimizer == "sgd" else {})
    params = {"optimizer": own, "weight_decay": 0.05}
    return [Task(number=i, seed=i, params=params | {"learning_rate": rate * (1 + i)}) for i in range(k)]


def lion(module, rate, decay):
    memory = {}

    @torch.no_grad()
    def step():
        for name, tensor in module.named_parameters():
            if tensor.requires_grad:
                average = memory.get(name, torch.zeros_like(tensor))
                tensor.copy_((1 - rate * decay) * tensor - rate * torch.sign(0.9 * average + 0.1 * tensor.grad))
                memory[name] = 0.99 * average + 0.01 * tensor.grad

    return step


def alone(name, population, task, steps):
    """The row (p,) float64 of a task, by the ordinary module and torch.optim."""
    module, data = population.model.module(), material(name, torch.float64)
    module.load_state_dict(population.model.state(population.initial))
    trained = [tensor for tensor in module.parameters() if tensor.requires_grad]
    rate, decay = task.params["learning_rate"], task.params["weight_decay"]
    step = {
        "sgd": lambda: torch.optim.SGD(trained, lr=rate, momentum=0.8).step,
        "adamw": lambda: torch.optim.AdamW(trained, lr=rate, weight_decay=decay).step,
        "lion": lambda: lion(module, rate, decay),
    }[task.params["optimizer"]["name"]]()
    for index in torch.from_numpy(order(task.seed, 0, steps, n=N, batch=BATCH)):
        module.zero_grad()
        cross_entropy(module(data["inputs"][index]).flatten(0, -2), data["labels"][index].flatten()).backward()
        if task.params["optimizer"]["name"] == "sgd":  # decoupled decay, which torch.optim.SGD does not have
            with torch.no_grad():
                for tensor in trained:
                    tensor.mul_(1 - rate * decay)
        step()
    return population.model.row({key: tensor.detach() for key, tensor in module.state_dict().items()})


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lion"])
@pytest.mark.parametrize("name", MODELS)
def test_a_row_is_training_alone_in_float64(name, optimizer, monkeypatch):
    population = grown(name, tasks_of(optimizer, 3), torch.float64)
    expected = [alone(name, population, task, STEPS[name]) for task in population.tasks]
    monkeypatch.setattr(Stack, "one", None)  # the stack is what runs
    population.advance(STEPS[name])
    for row, by_torch in zip(population.parameters, expected, strict=True):
        assert (row - by_torch).abs().max() < 1e-12
        assert (row - population.initial).abs().max() > 1e-3


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize("name", MODELS)
def test_company_place_and_chunk_change_no_bit_of_a_row_and_a_wild_row_no_bit_of_its_neighbours(name, seed):
    tasks = [
        Task(number=i, seed=i if seed is None else seed, params=task.params)
        for i, task in enumerate(tasks_of("sgd", 4) + tasks_of("adamw", 4) + tasks_of("lion", 4))
    ]
    wild = Task(number=99, seed=7, params=tasks[0].params | {"learning_rate": 1e9})
    steps, found = 6, []
    for these, chunk in [
        (tasks, 12), (tasks[::-1], 5), (tasks, 1), ([*tasks, wild], 13), (tasks[3:5], 2), (tasks[8:9], 1),
    ]:  # fmt: skip
        population = grown(name, these, torch.float32, chunk=chunk)
        population.advance(steps)
        found.append({task.number: row for task, row in zip(population.tasks, population.parameters, strict=True)})
        assert population.finite == [task.number != 99 for task in population.tasks]
    for others in found[1:]:
        assert all(others[number].equal(found[0][number]) for number in others if number != 99)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "lora"])
def test_a_compiled_step_is_the_same_method(name):
    found = []
    for compile in (False, True):
        population = grown(name, tasks_of("adamw", 3) + tasks_of("sgd", 2), torch.float64, compile=compile, chunk=5)
        population.advance(10)
        assert [type(chunk) for chunk in population.chunks.values()] == [Bucket if compile else Chunk]
        found.append(population.parameters)
    assert (found[0] - found[1]).abs().max() < 1e-12


@pytest.mark.slow
def test_rows_that_leave_within_a_power_of_two_compile_nothing_anew():
    from torch._dynamo.utils import counters

    population = grown("mlp", tasks_of("adamw", 8), torch.float64, compile=True, chunk=8)
    population.advance(2)
    programs = counters["stats"]["unique_graphs"]
    for keep in ([True] * 6 + [False] * 2, [False] + [True] * 5):  # 8, 6 and 5 rows, all padded to 8
        population.drop(keep)
        population.advance(2)
    assert programs and counters["stats"]["unique_graphs"] == programs
    population.drop([True] * 4 + [False])
    population.advance(2)
    assert counters["stats"]["unique_graphs"] > programs  # 4 rows are another program: the count can tell
