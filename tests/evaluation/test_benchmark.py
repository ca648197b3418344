# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The benchmark on a phantom: every method gets a row, the same seed gives the same numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from monai_strainer import save_prior, write
from monai_strainer.cli import main
from monai_strainer.errors import InputError
from monai_strainer.evaluation.benchmark import METHODS, evaluate, missing
from monai_strainer.evaluation.table import COLUMNS
from monai_strainer.geometry import Grid
from monai_strainer.priors.prior import Prior
from monai_strainer.volume import Volume

SMALL = {"hidden_channels": 16, "num_layers": 3}


@pytest.fixture(scope="module")
def prior() -> Prior:
    return Prior.cold(1, **SMALL)


def test_every_method_has_its_row(phantom: Volume, prior: Prior) -> None:
    calls: list[tuple[int, int]] = []
    rows = evaluate(
        [("one", phantom)], prior, tasks=["x2", "denoise9"], levels=(0.4, 0.6), steps=2,
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    assert {tuple(row) for row in rows} == {COLUMNS}
    found = {task: {row["method"] for row in rows if row["task"] == task} for task in ("x2", "denoise9")}
    assert found["x2"] == set(METHODS) - {"input", "non_local_means", "detail", "ours"}
    assert found["denoise9"] | {"non_local_means"} == set(METHODS) - {"cubic", "back_projection", "detail", "ours"}
    assert len(rows) == 2 * sum(map(len, found.values()))
    assert all(np.isfinite(row["psnr_mask"]) and row["seconds"] >= 0 for row in rows)
    assert all(
        (row["coverage90"] is not None) == (row["method"] in ("cold", "coordinates", "detail", "ours")) for row in rows
    )
    assert calls == [(1, 2), (2, 2)]


def test_all_methods_get_the_same_data_and_the_same_seed_gives_the_same_numbers(phantom: Volume, prior: Prior) -> None:
    def numbers(**changes) -> list[float]:  # type: ignore[no-untyped-def]
        options = {
            "tasks": ["denoise3"],
            "methods": ["input", "coordinates"],
            "levels": [0.5],
            "steps": 1,
            "seed": 3,
        } | changes
        return [row["psnr_mask"] for row in evaluate([("one", phantom)], prior, **options)]

    assert numbers() == numbers()
    assert numbers(methods=["input"]) == numbers()[:1]
    assert numbers(seed=4) != numbers()


def test_noise_is_as_strong_as_the_task_says(phantom: Volume, prior: Prior) -> None:
    rows = evaluate([("one", phantom)], prior, tasks=["denoise3"], methods=["input"])
    assert np.mean([row["psnr_mask"] for row in rows]) == pytest.approx(20 * np.log10(1 / 0.03), abs=0.4)


def test_back_projection_beats_cubic_and_smoothing_beats_the_input(phantom: Volume, prior: Prior) -> None:
    methods = ["input", "cubic", "back_projection", "kriging_only"]
    rows = evaluate([("one", phantom)], prior, tasks=["x2", "denoise9"], methods=methods)

    def mean(task: str, method: str) -> float:
        return float(np.mean([r["psnr_mask"] for r in rows if (r["task"], r["method"]) == (task, method)]))

    assert mean("x2", "back_projection") > mean("x2", "cubic")
    assert mean("x2", "kriging_only") > mean("x2", "cubic")
    assert mean("denoise9", "kriging_only") > mean("denoise9", "input")


def test_networks_learn_a_clean_slice_step_by_step(phantom: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monai_strainer.evaluation.benchmark.SERIES", (0, 30))
    wide = Prior.cold(1, hidden_channels=64, num_layers=4)
    rows = evaluate([("one", phantom)], wide, tasks=["fit"], levels=[0.5])
    by_method = {(row["method"], row["steps"]): row["psnr_image"] for row in rows}
    assert {method for method, _ in by_method} == {"siren", "strainer_paper", "cold", "coordinates"}
    assert all(by_method[method, 30] > by_method[method, 0] for method in ("siren", "strainer_paper"))
    assert by_method["coordinates", 0] > by_method["strainer_paper", 0]  # the solved readout


def test_orientation_of_the_file_does_not_matter(phantom: Volume, prior: Prior) -> None:
    turned = Volume(
        phantom.data[:, ::-1].transpose(2, 0, 1),
        Grid(
            (32, 40, 48),
            phantom.grid.affine @ np.array([[0, 1, 0, 0], [0, 0, -1, 47], [1, 0, 0, 0], [0, 0, 0, 1.0]]),
        ),
    )
    pair = [
        evaluate([("one", scan)], prior, tasks=["x2"], methods=["cubic"], levels=[0.37])[0]
        for scan in (phantom, turned)
    ]
    assert pair[0]["psnr_mask"] == pytest.approx(pair[1]["psnr_mask"], abs=0.3)  # the noise falls elsewhere


def test_the_picture_is_drawn(phantom: Volume, prior: Prior, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    target = tmp_path / "new" / "picture.png"
    evaluate([("one", phantom)], prior, tasks=["x2", "denoise9"], levels=[0.5], steps=1, picture_to=target)
    assert target.read_bytes().startswith(b"\x89PNG")
    assert len(list(target.parent.iterdir())) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tasks": ["x3"]}, "no task"),
        ({"methods": ["magic"]}, "no method"),
        ({"levels": [35]}, "heights"),
        ({"levels": []}, "heights"),
    ],
)
def test_unknown_names_and_levels_are_refused(phantom: Volume, prior: Prior, options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        evaluate([("one", phantom)], prior, **options)


def test_a_real_scan_is_evaluated(oasis: Path, prior: Prior) -> None:
    scan = sorted(oasis.glob("sub-*/anat/*.nii.gz"))[0]
    rows = evaluate([scan], prior, tasks=["x2"], methods=["cubic", "back_projection"], levels=[0.5])
    assert rows[0]["scan"] == scan.name.removesuffix(".nii.gz")
    assert 28 < rows[0]["psnr_mask"] < rows[1]["psnr_mask"] < 40


def test_a_method_without_a_row_is_named_with_the_reason(
    phantom: Volume, prior: Prior, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    rows = evaluate([("one", phantom)], prior, tasks=["denoise3"], methods=["input", "cubic", "ours"], levels=[0.5])
    reasons = missing(rows, prior, ["denoise3"], ["input", "cubic", "non_local_means", "ours"])
    assert list(reasons) == ["cubic", "non_local_means", "ours"]
    assert "scikit-image" in reasons["non_local_means"] and "does not apply" in reasons["cubic"]
    assert "no detail prior" in reasons["ours"]


def test_a_method_whose_package_is_missing_is_refused_by_name_and_named_otherwise(
    phantom: Volume, prior: Prior, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(InputError, match="non_local_means cannot run: it needs scikit-image"):
        evaluate([("one", phantom)], prior, tasks=["denoise3"], methods=["non_local_means"])
    assert evaluate([("one", phantom)], prior, tasks=["x2"], methods=["non_local_means"], levels=[0.5]) == []
    with pytest.warns(UserWarning, match="non_local_means is left out: it needs scikit-image"):
        evaluate([], prior, tasks=["denoise3"])


def test_the_command_says_which_methods_are_left_out(
    phantom: Volume, prior: Prior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    for name in set(METHODS) - {"input", "non_local_means"}:
        monkeypatch.delitem(METHODS, name)
    write(phantom, tmp_path / "in" / "scan.nii.gz")
    save_prior(prior, tmp_path / "bundle")
    words = ["evaluate", tmp_path / "in", "--out", tmp_path / "e.csv", "--prior", tmp_path / "bundle", "--quiet"]
    more = ["--tasks", "denoise3", "--levels", "0.5", "--device", "cpu"]
    assert main([str(word) for word in (*words, *more)]) == 0
    assert "note: non_local_means has no row: it needs scikit-image" in capsys.readouterr().out
    assert main([str(word) for word in (*words, *more, "--methods", "non_local_means", "--overwrite")]) == 3
    assert "pip install scikit-image" in capsys.readouterr().err.lower()
