"""What a study file may say, table by table: the source of its JSON schema."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"  # also a folder and an MLflow experiment: no separators, no spaces
DEVICE = r"^(auto|cpu|mps|(cuda|xpu)(:\d+)?)$"


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Open(Table):
    """A table whose further keys are settings of the component that it names."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class TrainerTable(Open):
    """Who trains: a shipped trainer, ``package.module:function``, or a command line that reports JSON lines."""

    name: str | None = Field(None, description="a file in trainers/, or package.module:function")
    command: str | None = Field(None, description="a program; {learning_rate} and the like are filled in")


class ObjectiveTable(Open):
    """What a trial is judged by. Further keys are settings of the measure."""

    measure: str | None = Field(None, description="a file in objectives/measures; the objective's own name if left out")
    on: str | None = Field(None, description="which of the trainer's outputs, such as a view")
    direction: Literal["min", "max"] | None = None
    unit: str | None = None
    limit: float | None = Field(None, description="the worst value that counts: the hypervolume's reference")
    dear: bool = Field(False, description="before the end, measured only where the others leave the trial a chance")


class ConstraintTable(Open):
    """A bound on a value; a trial beyond it is infeasible."""

    measure: str | None = None
    on: str | None = None
    min: float | None = None
    max: float | None = None


class BudgetTable(Table):
    """``trials`` of ``steps`` training steps each, seen at ``rungs`` equal distances, ``population`` at a time.

    The last of them, a share of ``repeats``, train again what is there, each time with the next seed: what a repeat is
    expected to tell of who is on the front decides which.
    """

    trials: Annotated[int, Field(ge=1)] = 64
    steps: Annotated[int, Field(ge=1)] = 1
    rungs: Annotated[int, Field(ge=1)] = 1
    population: Annotated[int, Field(ge=1, le=4096)] = 16
    minutes: Annotated[float, Field(gt=0)] | None = None
    repeats: Annotated[float, Field(ge=0, lt=1, description="share of the trials, the last ones, that are repeats")] = (
        0.0
    )


class ProposerTable(Open):
    name: str = "ehvi"


class StopTable(Open):
    rule: Annotated[str, Field(description='a file in search/stop, or "off"')] = "front"
    audit: Annotated[float, Field(ge=0, le=1, description="share of refused trials run on as a check")] = 0.05


class MergeTable(Open):
    """Merge the models of front members that share a base."""

    evaluations: Annotated[int, Field(ge=1, description="merged models that are truly evaluated")]
    rule: Annotated[str, Field(description="a file in search/pareto/merge")] = "task_arithmetic"
    parents: Annotated[int, Field(ge=2, le=8)] = 3
    method: Annotated[
        str, Field(description="how coefficients are searched: a file in search/pareto/coefficients, or a proposer")
    ] = "outputs"
    groups: Annotated[int, Field(ge=1, le=8, description="of layers, each with coefficients of its own")] = 1


class AmortiseTable(Table):
    """Merge in between too: both budgets are spent in equal rounds, and training goes where merges do not reach."""

    rounds: Annotated[int, Field(ge=1, le=64)] = 4


class StartTable(Table):
    """What is tried first."""

    points: Annotated[
        list[dict[str, Any]], Field(description="in this order; what a point leaves out has its default")
    ] = []
    defaults: Annotated[bool, Field(description="before them every default, if any is declared")] = True


class InterestTable(Table):
    """The part of the front that is wanted; it may change when the study is resumed."""

    limits: Annotated[dict[str, float], Field(description="objective -> the worst value of interest, in its unit")] = {}
    weights: Annotated[dict[str, float], Field(description="objective -> how far the search spreads along it")] = {}


class PriorTable(Table):
    """What is known before the first trial."""

    studies: Annotated[list[str], Field(description="launched in the same home: their trials tell of this one's")] = []


class RunTable(Table):
    device: Annotated[str, Field(pattern=DEVICE, description="auto, cpu, cuda, cuda:1, ...")] = "auto"
    trial_minutes: Annotated[float, Field(gt=0, description="a trial that runs longer fails: timeout")] | None = None


class StudyFile(Table):
    """The whole file."""

    name: Annotated[str, Field(pattern=NAME)]
    description: str = ""
    seed: Annotated[int, Field(ge=0)] = 0
    repeats: bool = Field(False, description="the same point may be proposed again")
    trainer: TrainerTable
    space: dict[str, Any] = Field(..., min_length=1)
    parameter_constraints: list[str] = Field([], description="linear, between numbers: encoder + decoder <= 8")
    start: StartTable = StartTable()
    objectives: dict[str, ObjectiveTable] = Field(..., min_length=1)
    constraints: dict[str, ConstraintTable] = {}
    interest: InterestTable = InterestTable()
    prior: PriorTable = PriorTable()
    budget: BudgetTable = BudgetTable()
    proposer: ProposerTable = ProposerTable()
    stop: StopTable = StopTable()
    merge: MergeTable | None = None
    amortise: AmortiseTable | None = None
    run: RunTable = RunTable()
