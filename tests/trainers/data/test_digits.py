import torch

from trainers.data import digits


def test_the_splits_are_whole_and_apart():
    splits = digits.load()
    assert {split: len(labels) for split, (_, labels) in splits.items()} == digits.SIZES
    assert sum(digits.SIZES.values()) == 1797
    images = torch.cat([inputs for inputs, _ in splits.values()])
    assert len(images.unique(dim=0)) == len(images) == 1797  # no image twice, so none in two splits


def test_pixels_are_between_0_and_1_and_labels_are_classes():
    for inputs, labels in digits.load().values():
        assert inputs.dtype == torch.float32 and inputs.shape[1:] == (64,)
        assert inputs.amin() == 0 and inputs.amax() == 1
        assert labels.dtype == torch.int64 and set(labels.tolist()) == set(range(digits.CLASSES))


def test_every_split_has_the_classes_in_equal_shares():
    everything = torch.cat([labels for _, labels in digits.load().values()]).bincount() / 1797
    for _, labels in digits.load().values():
        assert (labels.bincount() / len(labels) - everything).abs().max() < 0.005


def test_the_split_and_its_fingerprint_are_the_same_for_ever():
    before = digits.fingerprint()
    digits.load.cache_clear()
    digits.fingerprint.cache_clear()
    assert digits.fingerprint() == before and len(before) == 64
