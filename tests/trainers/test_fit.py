import torch

from trainers.cached import fingerprint
from trainers.fit import fit


def test_a_model_learns_its_labels_and_the_same_call_gives_the_same_bits(toy):
    data = toy.data(torch.float32)
    rates = {"steps": 150, "batch": 32, "learning_rate": 0.02}
    state = fit(toy.model, data["inputs"], data["labels"], **rates)
    module = toy.model.module()
    module.load_state_dict(state)
    assert (module(data["inputs"]).argmax(-1) == data["labels"]).float().mean() > 0.9
    assert fingerprint(state) == fingerprint(fit(toy.model, data["inputs"], data["labels"], **rates))


def test_smoothed_labels_make_a_modest_model(toy):
    data, confidence = toy.data(torch.float32), []
    for smoothing in (0.0, 0.3):
        rates = {"steps": 150, "batch": 32, "learning_rate": 0.02, "smoothing": smoothing}
        module = toy.model.module()
        module.load_state_dict(fit(toy.model, data["inputs"], data["labels"], **rates))
        confidence.append(module(data["inputs"]).softmax(-1).amax(-1).mean())
    assert confidence[0] > confidence[1] + 0.1
