"""The probabilities that whole studies state, against the truth, and what repeats buy at an equal budget."""

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.certainty import Judged, calibration, run


def judged(home: Path, share: float, seeds: int, trials: int, population: int) -> list[Judged]:
    return [run(home, seed, share, trials=trials, noise=0.1, population=population) for seed in range(seeds)]


def test_repeats_leave_fewer_wrong_members_than_taking_the_front_at_its_word(tmp_path: Path) -> None:
    word, repeated = (judged(tmp_path, share, seeds=4, trials=32, population=16) for share in (0.0, 0.5))
    assert sum(each.wrong for each in repeated) < 0.7 * sum(each.wrong for each in word)
    assert sum(each.missed for each in repeated) < 0.7 * sum(each.missed for each in word)
    assert np.vstack([each.inside for each in repeated]).mean() > 0.8, "intervals of 0.9"
    assert all(np.isnan(each.stated).all() for each in word)


@pytest.mark.slow
def test_stated_probabilities_and_intervals_are_met_over_whole_studies(tmp_path: Path) -> None:
    word, repeated = (judged(tmp_path, share, seeds=20, trials=60, population=4) for share in (0.0, 0.5))
    for low, n, said, met in calibration(repeated):
        error = 3 * (said * (1 - said) / n) ** 0.5
        assert said - error - 0.05 < met < said + error + 0.05, f"from {low}: {n} members, {said=}, {met=}"
    inside = np.vstack([each.inside for each in repeated])
    # three standard errors, as above; .05 was two of them, which one in ten misses
    error = 3 * (0.9 * 0.1 / len(inside)) ** 0.5
    np.testing.assert_allclose(inside.mean(axis=0), 0.9, atol=error)
    assert np.mean([each.volume for each in repeated]) > 0.75, "the hypervolume's interval of 0.9"
    assert np.mean([each.wrong for each in repeated]) < 0.6 * np.mean([each.wrong for each in word])
    assert np.mean([each.true for each in repeated]) > 0.97 * np.mean([each.true for each in word])
