# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The demonstration with tiny settings: all files are there, where they say they are, and an old run is kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_strainer.errors import InputError
from monai_strainer.io import read
from monai_strainer.pipelines import demo as module
from monai_strainer.pipelines.demo import demo, template
from monai_strainer.priors.prior import Prior


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nilearn", None)
    monkeypatch.setitem(sys.modules, "nilearn.datasets", None)
    with pytest.raises(InputError, match=r"\[demo\]"):
        template()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    pytest.importorskip("nilearn", reason="nilearn is not installed")
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    output = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_prior", lambda path: Prior.cold(1, hidden_channels=16, num_layers=3))
        return output, demo(output, slices=1, steps=1)


def test_every_file_is_there(ran: tuple[Path, dict[str, Any]]) -> None:
    output, results = ran
    assert sorted(str(p.relative_to(output)) for p in output.rglob("*") if p.is_file()) == sorted(results["files"])
    assert "demo.png" in results["files"] and "superresolution/restored_std.nii.gz" in results["files"]


def test_scores_are_sound(ran: tuple[Path, dict[str, Any]]) -> None:
    _, results = ran
    assert set(results["superresolution"]) == {"cubic", "without prior", "ours"}
    assert set(results["denoising"]) == {"input", "without prior", "ours"}
    for task in ("superresolution", "denoising"):
        for score in results[task].values():
            assert 15 < score["psnr"] < 60 and 0 < score["ssim"] < 1


def test_all_images_lie_where_the_template_lies(ran: tuple[Path, dict[str, Any]]) -> None:
    output, _ = ran
    whole = template()
    for task in ("superresolution", "denoising"):
        truth, measured, result = (read(output / task / f"{n}.nii.gz") for n in ("truth", "input", "restored"))
        np.testing.assert_allclose(truth.grid.corners(), measured.grid.corners(), atol=1e-3)
        np.testing.assert_allclose(truth.grid.affine, result.grid.affine, atol=1e-4)
        at = np.rint(np.linalg.inv(whole.grid.affine) @ truth.grid.affine @ [90, 110, 0, 1]).astype(int)[:3]
        assert truth.data[90, 110, 0] == pytest.approx(whole.data[tuple(at)], rel=1e-5)
        assert whole.data[tuple(at)] > 0


def test_an_earlier_run_is_not_replaced(ran: tuple[Path, dict[str, Any]]) -> None:
    output, _ = ran
    with pytest.raises(InputError, match="already"):
        demo(output, slices=1, steps=1)
