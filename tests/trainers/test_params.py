import pytest

from trainers import distill
from trainers.params import complete, component


def test_what_is_left_out_takes_its_default():
    params = complete(distill.SPACE, {"learning_rate": 0.2}, where="here")
    assert params["learning_rate"] == 0.2 and params["temperature"] == 2.0
    assert params["divergence"] == {"name": "forward_kl"} and params["optimizer"] == {"name": "adamw"}
    assert params["weights"] == {"labels": 0.45, "teacher": 0.5, "entropy": 0.05}
    assert complete(distill.SETTINGS, {"batch": 8}, where="here") == distill.SETTINGS | {"batch": 8}


def test_what_is_unknown_is_refused():
    with pytest.raises(ValueError, match=r"distill settings: expected some of \['base_steps'.* got \['widht'\]"):
        complete(distill.SETTINGS, {"widht": 32}, where="distill settings")


def test_a_simplex_has_a_share_for_each_of_its_names():
    with pytest.raises(ValueError, match=r"here weights: expected a share for each of .* got \['labels', 'teacher'\]"):
        complete(distill.SPACE, {"weights": {"labels": 0.5, "teacher": 0.5}}, where="here")


def test_a_component_comes_with_all_its_own_hyperparameters():
    module, own = component("optimizer", {"name": "sgd"})
    assert module.__name__ == "trainers.optimizers.sgd" and own == {"momentum": 0.9}
    assert component("optimizer", {"name": "sgd", "momentum": 0.5})[1] == {"momentum": 0.5}


def test_an_unknown_hyperparameter_of_a_component_is_refused():
    with pytest.raises(ValueError, match=r"optimizer lion: expected some of \[\], got \['momentum'\]"):
        component("optimizer", {"name": "lion", "momentum": 0.5})


def test_a_component_with_a_dot_is_a_module_of_the_user(tmp_path, monkeypatch):
    (tmp_path / "theirs_for_params.py").write_text("SPACE = {}\n")
    (tmp_path / "package_for_params").mkdir()
    (tmp_path / "package_for_params" / "mine.py").write_text("SPACE = {'order': {'default': 3}}\n")
    monkeypatch.syspath_prepend(tmp_path)
    module, own = component("divergence", {"name": "package_for_params.mine"})
    assert module.__name__ == "package_for_params.mine" and own == {"order": 3}
    with pytest.raises(ModuleNotFoundError, match="objectives.divergences.theirs_for_params"):
        component("divergence", {"name": "theirs_for_params"})
