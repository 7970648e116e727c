"""The probabilities that whole studies state, against the truth, and what repeats buy at an equal budget."""

import numpy as np
import pytest

from tests.benchmarks.certainty import Judged, calibration, run


def judged(share: float, seeds: int, trials: int, population: int) -> list[Judged]:
    return [run(seed, share, trials=trials, noise=0.1, population=population) for seed in range(seeds)]


def test_repeats_leave_fewer_wrong_members_than_taking_the_front_at_its_word() -> None:
    word, repeated = (judged(share, seeds=4, trials=40, population=10) for share in (0.0, 0.5))
    assert sum(each.wrong for each in repeated) < 0.7 * sum(each.wrong for each in word)
    assert sum(each.missed for each in repeated) < 0.7 * sum(each.missed for each in word)
    stated, held = (np.concatenate([getattr(each, name) for each in repeated]) for name in ("stated", "held"))
    assert ((stated - held) ** 2).mean() < ((1.0 - held) ** 2).mean(), "nearer to the truth than certainty"
    assert all(np.isnan(each.stated).all() for each in word)


@pytest.mark.slow
def test_stated_probabilities_and_intervals_are_met_over_whole_studies() -> None:
    word, repeated = (judged(share, seeds=20, trials=60, population=4) for share in (0.0, 0.5))
    for low, n, said, met in calibration(repeated):
        error = 3 * (said * (1 - said) / n) ** 0.5
        # along a hard edge the belief lies somewhat beyond it, and so a member is more often one than it says
        assert said - error - 0.05 < met < said + error + 0.15, f"from {low}: {n} members, {said=}, {met=}"
    inside = np.vstack([each.inside for each in repeated]).mean(axis=0)
    np.testing.assert_allclose(inside, 0.9, atol=0.05)
    assert np.mean([each.wrong for each in repeated]) < 0.6 * np.mean([each.wrong for each in word])
    assert np.mean([each.true for each in repeated]) > 0.97 * np.mean([each.true for each in word])
