"""One member of a front: who is picked by what is wanted, what its neighbours give, and what is taken away."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from search import cli, front, launch, study
from search.errors import SearchError
from search.front import Front
from search.pick import exchanges, pick
from search.store import Store
from search.trial import Trial
from tests.search.studies import DISTILL
from trainers.data import digits

MADE = study.read(
    {
        "name": "picked",
        "trainer": {"command": "train"},
        "space": {"x": {"low": 0.0, "high": 1.0}},
        "objectives": {"error": {"limit": 10.0}, "speed": {"direction": "max", "limit": 0.0}},
    }
)
# error is less, speed is more: a is best in error, e in speed, and b bends
VALUES = [(0.0, 10.0), (1.0, 80.0), (3.0, 88.0), (6.0, 95.0), (10.0, 100.0)]


def made(values: Sequence[tuple[float, float]] = VALUES) -> Front:
    trials = [
        Trial(
            number=number, params={"x": 0.1 * number}, seed=0, state="finished", step=1,
            values={"error": error, "speed": speed}, losses=(error, -speed),
        )
        for number, (error, speed) in enumerate(values)
    ]  # fmt: skip
    return front.build(MADE, trials)


def test_without_a_wish_it_is_the_knee_and_within_limits_the_knee_of_what_is_left() -> None:
    assert pick(made()).id == "t0001"
    assert pick(made(), limits={"speed": 86.0}).id in ("t0002", "t0003")
    assert pick(made(), limits={"speed": 97.0}).id == "t0004"


@pytest.mark.parametrize(
    "weights, id", [({}, "t0001"), ({"error": 100.0}, "t0000"), ({"speed": 100.0}, "t0004"), ({"speed": 0.0}, "t0000")]
)
def test_weights_pull_and_without_any_the_largest_regret_is_least(weights: dict[str, float], id: str) -> None:
    assert pick(made(), weights=weights).id == id


def test_weighted_picks_are_what_trying_all_members_gives() -> None:
    rng = np.random.default_rng(0)
    losses = np.array([[error, -speed] for error, speed in VALUES])
    scaled = (losses - losses.min(axis=0)) / np.ptp(losses, axis=0)
    for _ in range(50):
        w = rng.uniform(0.0, 3.0, 2)
        best = min(range(5), key=lambda row, w=w: max(w * scaled[row]) + 0.05 * (w * scaled[row]).sum())
        assert pick(made(), weights={"error": w[0], "speed": w[1]}).id == f"t000{best}"


@pytest.mark.parametrize(
    "near, id", [({"error": 6.0, "speed": 95.0}, "t0003"), ({"error": 3.2, "speed": 88.0}, "t0002"), ({}, "t0001")]
)
def test_a_wish_is_met_as_nearly_as_can_be(near: dict[str, float], id: str) -> None:
    assert pick(made(), near=near).id == id


@pytest.mark.parametrize(
    "wanted, message",
    [
        ({"limits": {"eror": 1.0}}, "expected one of error, speed, got 'eror'. Did you mean 'error'?"),
        (
            {"limits": {"error": 2.0, "speed": 85.0}},
            "within error 2, speed 85, got 'none'. The nearest is t0001, with ",
        ),
        ({"weights": {"error": -1.0}}, "expected weights of at least 0, not all 0"),
        ({"weights": {"error": 0.0, "speed": 0.0}}, "expected weights of at least 0, not all 0"),
        ({"weights": {}, "near": {}}, "expected weights or a wish, not both"),
    ],
)
def test_what_cannot_be_had_is_said(wanted: dict, message: str) -> None:
    with pytest.raises(SearchError) as raised:
        pick(made(), **wanted)
    assert message in str(raised.value)


def test_nothing_can_be_picked_before_anything_has_finished() -> None:
    with pytest.raises(SearchError, match="expected a trial that has finished"):
        pick(made([]))


def test_each_gain_is_exchanged_where_it_costs_least() -> None:
    found = made()
    faster, better = sorted(exchanges(found, found["t0001"]), key=lambda each: each.gained, reverse=True)
    assert (faster.gained, faster.to) == ("speed", "t0002")  # 8 for 2 of error: to no other is it so much for so little
    assert (better.gained, better.to, better.changes) == ("error", "t0000", {"error": -1.0, "speed": -70.0})
    assert (
        str(better) == "1 less error for 70 less speed (t0000)"
        and str(faster) == "8 more speed for 2 more error (t0002)"
    )
    assert [each.gained for each in exchanges(found, found["t0000"])] == ["speed"]


def test_what_is_gained_beside_is_not_what_is_paid() -> None:
    values = {"first": "min", "second": "min", "third": "max"}
    three = study.read(
        {
            "name": "three",
            "trainer": {"command": "train"},
            "space": {"x": {"low": 0.0, "high": 1.0}},
            "objectives": {
                name: {"direction": each, "limit": 20.0 if each == "min" else 0.0} for name, each in values.items()
            },
        }
    )
    rows = [(1.0, 9.0, 5.0), (4.0, 3.0, 8.0)]
    trials = [
        Trial(
            number=number, params={"x": 0.1 * number}, seed=0, state="finished", step=1,
            values=dict(zip(values, row, strict=True)), losses=(row[0], row[1], -row[2]),
        )
        for number, row in enumerate(rows)
    ]  # fmt: skip
    found = front.build(three, trials)
    told = [str(each) for each in exchanges(found, found["t0000"])]
    assert told == [
        "6 less second and 3 more third for 3 more first (t0001)",
        "3 more third and 6 less second for 3 more first (t0001)",
    ]
    assert [str(each) for each in exchanges(found, found["t0001"])] == [
        "3 less first for 6 more second and 3 less third (t0000)"
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("home")
    launch(DISTILL, home=made, mirror=False, quiet=True)
    return made


def search(home: Path, *words: str) -> Result:
    return CliRunner().invoke(cli.main, ["pick", DISTILL["name"], "--home", str(home), *words])


def test_the_command_says_who_and_for_what(home: Path) -> None:
    told = json.loads(search(home, "--regret", "--json").output)
    output = search(home, "--regret").output
    assert output.startswith(f"{told['point']['id']}: ece ") and "kept apart: ece " in output
    assert all(f"({each['to']})" in output for each in told["exchanges"])
    result = search(home, "--max", "ece=0")
    assert result.exit_code == 2 and "The nearest is" in result.output
    result = search(home, "--min", "ece=0.1")
    assert result.exit_code == 2 and "expected --max ece=0.1, since less ece is better" in result.output
    assert json.loads(search(home, "--max", "ece=0.05", "--json").output)["point"]["values"]["ece"] <= 0.05


def test_an_export_stands_alone_and_is_the_model_that_was_measured(home: Path, tmp_path: Path) -> None:
    made = study.read(DISTILL)
    trials = {trial.id: trial for trial in Store(home).trials(DISTILL["name"], made)}
    built = front.build(made, list(trials.values()))
    # who wishes for what a member has may be given a neighbour that has a little less and much more
    granted = [point for point in built.points if pick(built, near=point.values) == point]
    assert {point.kind for point in granted} == {"trained", "merged"}
    for id in [point.id for point in granted]:
        values = trials[id].values
        near = [word for name, value in values.items() for word in ("--near", f"{name}={value!r}")]
        folder = tmp_path / id
        assert search(home, *near, "--export", str(folder)).exit_code == 0
        config = json.loads((folder / "config.json").read_text())
        assert config["id"] == id and config["definition"] in (folder / "README.md").read_text()
        model = torch.load(folder / "model.pt", weights_only=False)
        assert type(model(torch.zeros(2, 64))) is torch.Tensor
        from safetensors.torch import load_file

        weights = load_file(folder / "model.safetensors")
        assert weights.keys() == model.state_dict().keys()
        assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
        card = (folder / "README.md").read_text()
        assert all(
            parent in card for parent in (trials[id].parents and [f"t{n:04d}" for n in trials[id].parents]) or []
        )
    assert search(home, "--export", str(folder)).exit_code == 2  # it is there already


def test_the_shipped_module_needs_no_other_package(home: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    assert search(home, "--export", str(tmp_path / "out")).exit_code == 0
    code = (
        "import sys, torch\n"
        "sys.meta_path.insert(0, type('No', (), {'find_spec': staticmethod(lambda name, *_: (_ for _ in ()).throw("
        "ImportError(name)) if name.split('.')[0] in ('search', 'trainers', 'objectives') else None)}))\n"
        "print(torch.load('model.pt', weights_only=False)(torch.zeros(1, 64)).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "out", capture_output=True, text=True)
    assert "torch.Size([1, 10])" in done.stdout, done.stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow.*")
def test_a_registered_member_is_loaded_by_its_alias_and_leads_to_its_run(home: Path) -> None:
    from search.record import connection

    def registered(*words: str) -> dict[str, str]:
        result = search(home, *words, "--json")
        assert result.exit_code == 0, result.output
        found: dict[str, str] = json.loads(result.output)["registered"]
        return found

    made = study.read(DISTILL)
    best = [point.id for point in front.build(made, Store(home).trials(DISTILL["name"], made)).points]
    one = registered("--weight", "ece=100", "--register", "digits@champion")
    assert one == registered("--weight", "ece=100", "--register", "digits@champion")
    assert one == {"name": "digits", "version": "1", "uri": "models:/digits@champion"}
    client = connection.connect(home.resolve(), None)
    version = client.get_model_version_by_alias("digits", "champion")
    member, run = version.tags["member"], client.get_run(version.run_id)
    assert member in best and run.info.run_name == member and f", {member}" in version.description
    folder = Path(version.source.removeprefix("file://"))
    assert type(torch.load(folder / "model.pt", weights_only=False)(torch.zeros(2, 64))) is torch.Tensor
    config = json.loads((folder / "config.json").read_text())
    assert config["data"] == digits.fingerprint() and f"- data sha256:{config['data']}" in version.description
    other = registered("--weight", "ece=0", "--register", "digits@champion")
    assert other["version"] == "2" and str(client.get_model_version_by_alias("digits", "champion").version) == "2"
    assert client.get_model_version("digits", "2").tags["member"] != member
    assert registered("--weight", "ece=0", "--register", "digits")["uri"] == "models:/digits/2"
    refused = search(home, "--register", "digits@a b")
    assert refused.exit_code == 2 and "MLflow: expected a store that takes what it is given, got" in refused.output


@pytest.mark.parametrize("name", ["", "@champion", "digits@", "a/b", "digits@latest", "digits@v2", "a:b@c"])
def test_a_name_that_the_registry_would_not_take_is_refused_before_anything_is_written(home: Path, name: str) -> None:
    result = search(home, "--register", name, "--export", str(home / "never"))
    assert result.exit_code == 2 and "expected NAME or NAME@ALIAS" in result.output and not (home / "never").exists()
