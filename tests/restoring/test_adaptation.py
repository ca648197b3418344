# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of adapting the general network to a scan: kept only where the estimated error falls, never for other tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from monai_strainer import Grid, InputError, Prior, Volume, load_prior, restore
from monai_strainer.fitting import ADAPTATION
from monai_strainer.inferers import StrainerInferer
from monai_strainer.restoring import adaptation

SHAPE = (72, 80, 4)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


def texture(seed: int = 0) -> np.ndarray:
    """Stripes that change direction: regular as no scan of the training is."""
    x, y, z = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    waves = np.cos(1.1 * x + 0.03 * y) + np.cos(0.4 * x + 0.9 * y)
    return (500 + 120 * waves + 0 * z).astype(np.float32)


def noisy(truth: np.ndarray, sigma: float) -> Volume:
    a, b = np.random.default_rng(1).standard_normal((2, *truth.shape)) * sigma
    return Volume(np.hypot(truth + a, b).astype(np.float32), Grid(SHAPE, np.diag([1.0, 1, 3, 1])), slice_axis=2)


def rmse(image: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.square(image - truth).mean()))


def test_a_scan_that_the_network_knows_little_about_is_restored_better(prior: Prior) -> None:
    truth = texture()
    scan = noisy(truth, 60)
    without, with_it = (restore(scan, prior, 1, adapt=steps) for steps in (0, 30))
    said = with_it.report["choice"]["adaptation"]
    assert without.report["choice"]["adaptation"] is None
    assert said["kept"] and said["risk_after"] < said["risk_before"]
    assert rmse(with_it.volume.data, truth) < 0.97 * rmse(without.volume.data, truth)


def test_an_adaptation_that_does_not_pay_costs_nothing(prior: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation, "_BETTER", 0.0)
    scan = noisy(texture(), 60)
    without, with_it = (restore(scan, prior, 1, adapt=steps) for steps in (0, 2))
    assert with_it.report["choice"]["adaptation"]["kept"] is False
    assert np.array_equal(with_it.volume.data, without.volume.data)


@pytest.mark.parametrize("options", [{"scale": 2}, {"method": "coordinates", "steps": 0}, {"method": "plug_and_play"}])
def test_other_tasks_and_methods_adapt_nothing(prior: Prior, options: dict[str, Any]) -> None:
    small = Volume(texture()[:40, :40, :1], Grid((40, 40, 1), np.eye(4)), slice_axis=2)
    assert restore(small, prior, **options).report["choice"]["adaptation"] is None


def test_small_scans_get_few_steps_by_default(prior: Prior) -> None:
    steps = restore(noisy(texture(), 60), prior, 1).report["choice"]["adaptation"]["steps"]
    assert 0 < steps < ADAPTATION.steps / 2


@pytest.mark.parametrize(
    ("options", "said"),
    [({"adapt": -1}, "is below 0"), ({"adapt": 5, "method": "coordinates"}, "does not adapt")],
)
def test_impossible_adaptations_are_refused(prior: Prior, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        restore(noisy(texture(), 60), prior, 1, **options)
    with pytest.raises(InputError, match=said):
        StrainerInferer(**options)


@pytest.mark.parametrize("shape", [(240, 200, 8), (72, 80, 4), (30, 26, 1), (64, 64, 64)])
def test_voxels_are_held_out_and_voxels_are_left_to_learn_from(shape: tuple[int, int, int]) -> None:
    held = adaptation._held_out(shape)
    assert held.shape == shape and 0.1 < held.mean() < 0.4
