import pytest

from trainers import distill
from trainers.population import Population
from trainers.run import run
from trainers.rung import Budget, Decision


def converse(toy, tasks, at_rung, *, steps=40, rung_steps=10, population=4, space=distill.SPACE):
    """The rungs that `at_rung` saw."""
    rungs = []

    def remember(rung):
        rungs.append(rung)
        assert len(rungs) <= 2 * steps / rung_steps, "rows that reached the end must leave"
        return at_rung(rung)

    run(
        toy.population(),
        tasks,
        space=space,
        budget=Budget(steps=steps, rung_steps=rung_steps, population=population),
        outputs=lambda rows, seconds, split: {"split": split, "rows": rows.clone()},
        base="0" * 64,
        at_rung=remember,
    )
    return rungs


def all_on(rung):
    return Decision(keep=[True] * len(rung.numbers))


def test_every_row_is_seen_at_every_rung_and_leaves_at_the_end(toy):
    rungs = converse(toy, [toy.task(number) for number in range(3)], all_on)
    assert [rung.steps for rung in rungs] == [[10] * 3, [20] * 3, [30] * 3, [40] * 3]
    assert all(sorted(rung.numbers) == [0, 1, 2] and rung.finite == [True] * 3 for rung in rungs)
    assert all(rung.base == "0" * 64 and rung.failures is None and rung.values == {} for rung in rungs)
    assert rungs[3].seconds[0] > rungs[0].seconds[0] > 0


def test_refused_rows_leave_and_their_places_are_taken_by_rows_of_another_age(toy):
    def at_rung(rung):
        if len(rung.numbers) == 2 and 7 not in rung.numbers:
            return Decision(keep=[number != 1 for number in rung.numbers], admit=[toy.task(7)])
        return all_on(rung)

    rungs = converse(toy, [toy.task(0), toy.task(1)], at_rung, population=2)
    seen = [dict(zip(rung.numbers, rung.steps, strict=True)) for rung in rungs]
    assert seen == [{0: 10, 1: 10}, {0: 20, 7: 10}, {0: 30, 7: 20}, {0: 40, 7: 30}, {7: 40}]


def test_a_row_that_is_not_finite_is_shown_once_with_its_step(toy):
    tasks = [toy.task(0), toy.task(1, learning_rate=1e9, weight_decay=1e-2)]
    rungs = converse(toy, tasks, all_on)
    shown = [
        (step, finite)
        for rung in rungs
        for number, step, finite in zip(rung.numbers, rung.steps, rung.finite, strict=True)
        if number == 1
    ]
    assert shown == [(10, False)]
    assert rungs[-1].steps == [40]


def test_a_row_that_does_not_fit_the_memory_is_shown_once_with_its_failure_and_leaves(toy, monkeypatch):
    attempt = Population._attempt

    def short(self, rows, steps):
        numbers = [task.number for task in self.tasks[rows]]
        return (None, "MemoryError: none left") if 1 in numbers else attempt(self, rows, steps)

    monkeypatch.setattr(Population, "_attempt", short)
    rungs = converse(toy, [toy.task(number) for number in range(3)], all_on)
    [place] = [rungs[0].numbers.index(1)]
    assert rungs[0].failures[place] == ("out_of_memory", "MemoryError: none left")
    assert [failure for i, failure in enumerate(rungs[0].failures) if i != place] == [None, None]
    assert rungs[0].steps[place] == 0 and rungs[0].finite[place]
    assert all(sorted(rung.numbers) == [0, 2] and rung.failures is None for rung in rungs[1:])
    assert rungs[-1].steps == [40, 40]


def test_a_schedule_knows_where_the_budget_ends(toy):
    tasks = [toy.task(0, schedule={"name": "linear"}), toy.task(1, schedule={"name": "constant"})]
    seen = {}

    def at_rung(rung):
        seen[rung.steps[0]] = {n: toy.model.row(rung.weights(i)) for i, n in enumerate(rung.numbers)}
        return all_on(rung)

    space = distill.SPACE | {"schedule": {"choice": "all", "default": "constant"}}
    converse(toy, tasks, at_rung, steps=400, rung_steps=100, space=space)
    moved = {n: [(seen[t][n] - seen[t - 100][n]).norm() for t in (200, 400)] for n in (0, 1)}
    assert moved[0][1] / moved[0][0] < 0.7 * moved[1][1] / moved[1][0]


def test_outputs_and_weights_are_those_of_the_rung(toy):
    seen = []

    def at_rung(rung):
        outputs, checkpoint = rung.outputs("report"), rung.checkpoint()
        assert outputs["split"] == "report"
        seen.append((outputs["rows"], checkpoint["parameters"], toy.model.row(rung.weights(0))))
        return all_on(rung)

    converse(toy, [toy.task(0)], at_rung)
    for rows, saved, exported in seen:
        assert rows.equal(saved) and rows[0].equal(exported)
    assert not seen[0][0].equal(seen[1][0])


def test_an_exception_of_the_caller_passes_through(toy):
    def at_rung(rung):
        raise KeyError("the caller's own")

    with pytest.raises(KeyError, match="the caller's own"):
        converse(toy, [toy.task(0)], at_rung)


def test_params_left_out_take_the_default_and_unknown_ones_are_refused(toy):
    task = toy.task(0)
    task.params.clear()
    assert converse(toy, [task], all_on)[-1].finite == [True]
    task.params["learningrate"] = 0.1
    with pytest.raises(ValueError, match=r"task 0 params: expected some of \['divergence'.* got \['learningrate'\]"):
        converse(toy, [task], all_on)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": 15}, "task 3 step: expected a multiple of rung_steps = 10 below steps = 40, got 15"),
        ({"step": 40}, "task 3 step: expected a multiple of rung_steps = 10 below steps = 40, got 40"),
        ({"step": 10}, "task 3 state: expected a checkpoint of step 10, got None"),
    ],
)
def test_a_task_that_does_not_fit_the_budget_is_refused(toy, change, message):
    task = toy.task(3)
    for name, value in change.items():
        object.__setattr__(task, name, value)
    with pytest.raises(ValueError, match=message):
        converse(toy, [task], all_on)


def test_more_tasks_than_places_are_refused(toy):
    with pytest.raises(ValueError, match="admit: expected at most 1 tasks, got 2: population = 1"):
        converse(toy, [toy.task(0), toy.task(1)], all_on, population=1)


def test_a_decision_has_one_keep_a_row(toy):
    with pytest.raises(ValueError, match="argument 2 is longer than argument 1"):
        converse(toy, [toy.task(0), toy.task(1)], lambda rung: Decision(keep=[True]))
