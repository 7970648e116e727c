import logging

import pytest
import torch

from trainers.cached import cached, features, fingerprint


@pytest.fixture
def make():
    def make():
        make.calls += 1
        return {"weight": torch.arange(12.0).reshape(3, 4), "bias": torch.zeros(3)}

    make.calls = 0
    return make


def test_a_recipe_is_made_once(tmp_path, make):
    first = cached(tmp_path, "teacher", {"steps": 3}, make)
    again = cached(tmp_path, "teacher", {"steps": 3}, make)
    assert make.calls == 1
    assert fingerprint(first) == fingerprint(again) == fingerprint(make())
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]


def test_another_recipe_or_name_is_made_for_itself(tmp_path, make):
    for name, recipe in (("teacher", {"steps": 3}), ("teacher", {"steps": 4}), ("base", {"steps": 3})):
        cached(tmp_path / "deep" / "folder", name, recipe, make)
    assert make.calls == 3 and len(list((tmp_path / "deep" / "folder").iterdir())) == 3


@pytest.mark.parametrize("length", [0, 5, 60, -1])
def test_a_truncated_file_is_made_again(tmp_path, make, caplog, length):
    expected = cached(tmp_path, "teacher", {}, make)
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:length])
    with caplog.at_level(logging.WARNING):
        assert fingerprint(cached(tmp_path, "teacher", {}, make)) == fingerprint(expected)
    assert make.calls == 2 and "not readable" in caplog.text
    cached(tmp_path, "teacher", {}, make)
    assert make.calls == 2


def test_a_file_with_one_changed_byte_is_made_again(tmp_path, make, caplog):
    cached(tmp_path, "teacher", {}, make)
    [path] = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        cached(tmp_path, "teacher", {}, make)
    assert make.calls == 2 and "does not match" in caplog.text


def test_a_failure_on_the_way_leaves_nothing_behind(tmp_path, make, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr("trainers.cached.save_file", full)
    with pytest.raises(OSError, match="no space left"):
        cached(tmp_path, "teacher", {}, make)
    assert list(tmp_path.iterdir()) == []


def test_a_fingerprint_sees_names_shapes_types_and_bytes_but_not_their_order():
    state = {"a": torch.zeros(2, 3), "b": torch.ones(4)}
    assert fingerprint(state) == fingerprint(dict(reversed(state.items())))
    others = [
        {"a": torch.zeros(3, 2), "b": torch.ones(4)},
        {"a": torch.zeros(2, 3), "c": torch.ones(4)},
        {"a": torch.zeros(2, 3, dtype=torch.float64), "b": torch.ones(4)},
        {"a": torch.zeros(2, 3), "b": torch.tensor([1.0, 1.0, 1.0, 1.0001])},
    ]
    assert len({fingerprint(each) for each in [state, *others]}) == 5


def test_features_are_computed_in_pieces_once_and_are_those_of_the_whole(tmp_path):
    weight = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    inputs, calls = torch.arange(50.0).view(10, 5), []

    def function(part):
        calls.append(len(part))
        return part @ weight

    found = features(tmp_path, "features", {"weight": 1}, function, inputs, chunk=4)
    assert found.equal((inputs @ weight).detach()) and not found.requires_grad
    again = features(tmp_path, "features", {"weight": 1}, function, inputs, chunk=4)
    assert again.equal(found) and calls == [4, 4, 2]


def test_features_are_known_by_the_content_of_their_inputs(tmp_path):
    inputs, calls = torch.arange(6).view(3, 2), []

    def function(part):
        calls.append(len(part))
        return part * 2.0

    for each in (inputs, inputs + 1, inputs.float(), inputs.view(2, 3), inputs.clone()):
        assert features(tmp_path, "features", {}, function, each).equal(each * 2.0)
    assert len(calls) == 4
    features(tmp_path, "features", {"depth": 1}, function, inputs)
    assert len(calls) == 5
