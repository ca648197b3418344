# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The observer of lesions: it is as good as theory says, blind where there is nothing, and knows the sign."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from experiments.hotelling import Seen, auc, channels, judged, kept, patches, scores, seen_by


def slabs(signal: float, count: int = 4, places: int = 60, seed: int = 0) -> list[Seen]:
    """Responses with white noise of deviation 1, and a lesion in the first channel alone."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        signs = (-1) ** np.arange(places)
        there, absent = rng.standard_normal((2, 2, places, 10)) + 5.0
        there[..., 0] += signal * signs
        found.append(Seen(there, absent, signs))
    return found


def pooled(seen: list[Seen]) -> float:
    there, absent = (np.concatenate([slab[k] for slab in scores(seen, 0)]) for k in (0, 1))
    return auc(there, absent)


def test_the_observer_is_as_good_as_theory_says() -> None:
    assert abs(pooled(slabs(1.5)) - norm.cdf(1.5 / np.sqrt(2))) < 0.04


def test_where_there_is_no_lesion_the_observer_guesses() -> None:
    assert abs(pooled(slabs(0.0)) - 0.5) < 0.06


def test_the_observer_is_not_judged_on_what_it_learned_from() -> None:
    # 10 channels, few places and no lesion: what there is to learn is chance
    assert np.mean([pooled(slabs(0.0, places=8, seed=seed)) for seed in range(20)]) < 0.6


def test_an_interval_holds_its_value_and_nothing_changes_against_itself() -> None:
    found = judged(slabs(1.5), slabs(1.5), seed=0)
    assert found["auc_one_low"] < found["auc_one"] < found["auc_one_high"]
    assert found["change_one"] == found["change_one_low"] == found["change_one_high"] == 0


def test_people_who_differ_make_the_interval_of_other_people_wider() -> None:
    seen = [*slabs(3.0, count=3), *slabs(0.0, count=3, seed=1)]
    found = judged(seen, seen, seed=0)
    widths = [found[f"auc_one_high{end}"] - found[f"auc_one_low{end}"] for end in ("", "_people")]
    assert widths[1] > 1.5 * widths[0]


def test_signal_and_spread_are_measured_apart() -> None:
    before = slabs(1.5)
    halved = [Seen(0.5 * one.there, 0.5 * one.absent, one.signs) for one in before]
    assert np.allclose(kept(halved, before, 0), (0.5, 0.5), atol=0.01)
    weaker = [Seen(one.there.copy(), one.absent, one.signs) for one in before]
    for one in weaker:
        one.there[..., 0] -= 0.75 * one.signs
    signal, spread = kept(weaker, before, 0)
    assert abs(signal - 0.5) < 0.05 and abs(spread - 1) < 0.05


def test_channels_respond_to_a_spot_as_they_are_drawn() -> None:
    image = np.zeros((30, 30, 5), np.float32)
    image[12, 14, 2] = 3
    shapes = channels((1.0, 1.0))
    one, three = seen_by(shapes, patches(image, np.array([[12, 14, 2]]), 2, (1.0, 1.0)))
    assert np.allclose(one[0], 3 * shapes[:, 9, 9]) and np.allclose(three, one / 3)


def test_channels_in_mm_do_not_depend_on_the_pixels() -> None:
    def blob(spacing: float) -> np.ndarray:
        n = int(40 / spacing)
        x = (np.arange(n) - n // 2) * spacing
        return np.exp(-(x[:, None, None] ** 2 + x[None, :, None] ** 2) / 18) * np.ones((1, 1, 3), np.float32)

    found = []
    for s in (0.5, 1.0):
        some = patches(blob(s), np.array([[int(20 / s), int(20 / s), 1]]), 2, (s, s))
        found.append(seen_by(channels((s, s)), some)[0, 0, :3])
    assert np.allclose(*found, atol=0.02 * np.abs(found[0]).max())
