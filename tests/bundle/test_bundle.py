# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What MONAI asks of a bundle beyond a run: parts that resolve, exports that agree, commands that work as printed."""

from __future__ import annotations

import csv
import json
import pydoc
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from monai_strainer import Grid, Siren, load_prior, read

pytest.importorskip("ignite")
pytest.importorskip("fire")
bundle = pytest.importorskip("monai.bundle")

from .conftest import BUNDLE, SHAPE, SMALL, options, restored, save, workflow  # noqa: E402

CONFIGS = sorted((BUNDLE / "configs").glob("*.json"))
README = BUNDLE / "docs" / "README.md"


def record_of(image: Path) -> dict[str, Any]:
    return json.loads(image.with_name(image.name.replace(".nii.gz", ".json")).read_text())


# --- what lies in the folder

WANTED = """LICENSE configs/metadata.json configs/train.json configs/inference.json configs/logging.conf models/model.pt
models/detail.pt models/prior.json docs/README.md docs/data_license.txt configs/tune.json configs/export_detail.json"""


@pytest.mark.parametrize("name", WANTED.split())
def test_a_file_that_a_bundle_needs_is_there(name: str) -> None:
    assert (BUNDLE / name).stat().st_size > 0


def targets(part: Any) -> Iterator[str]:
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if key == "_target_":
            yield value
        yield from targets(value)


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_every_target_resolves(file: Path) -> None:
    for name in targets(json.loads(file.read_text())):
        found = pydoc.locate(name) if "." in name else bundle.ComponentLocator().get_component_module_name(name)
        assert found is not None, name


def test_the_logging_configuration_is_accepted(tiny_bundle: Path, own_logging: None) -> None:
    bundle.ConfigWorkflow(str(tiny_bundle / "configs/inference.json"), workflow_type="infer").initialize()


# --- weights and exports


@pytest.mark.parametrize("any_size", [1, 24])
def test_a_trained_bundle_takes_what_its_metadata_say(any_size: int, tiny_bundle: Path) -> None:
    meta, config = (str(tiny_bundle / "configs" / name) for name in ("metadata.json", "inference.json"))
    bundle.verify_net_in_out("network_def", meta, config, device="cpu", any=any_size)


def test_the_metrics_of_the_metadata_are_those_that_evaluate_printed() -> None:
    rows = list(csv.DictReader((BUNDLE.parents[1] / "benchmarks" / "evaluation_joint.csv").open()))
    names = {"denoise3": "noise_3_percent", "denoise9": "noise_9_percent", "x2": "in_plane_2x", "x4": "in_plane_4x"}
    found = {}
    for task, name in names.items():
        ours = [row for row in rows if row["task"] == task and row["method"] == "ours"]
        found[f"psnr_{name}"] = round(float(np.mean([float(row["psnr_mask"]) for row in ours])), 2)
        found[f"ssim_{name}"] = round(float(np.mean([float(row["ssim_mask"]) for row in ours])), 3)
    assert json.loads((BUNDLE / "configs" / "metadata.json").read_text())["eval_metrics"] == found


def test_the_export_carries_metadata_and_loads_as_a_bundle(tiny_bundle: Path, tmp_path: Path) -> None:
    own = tmp_path / tiny_bundle.name
    shutil.copytree(tiny_bundle, own)
    bundle.ckpt_export(config_file=str(own / "configs/inference.json"), bundle_root=str(own))
    coords, metadata = torch.rand(2, 3, 5, 6), json.loads((own / "configs/metadata.json").read_text())
    expected = load_prior(tiny_bundle).network(coords)
    net, meta, _ = pytest.importorskip("monai.data").load_net_with_metadata(own / "models/model.ts")
    torch.testing.assert_close(net(coords), expected, atol=1e-5, rtol=0)
    assert {key: meta[key] for key in metadata} == metadata
    loaded, _, _ = bundle.load(own.name, bundle_dir=str(tmp_path), load_ts_module=True)
    torch.testing.assert_close(loaded(coords), expected, atol=1e-5, rtol=0)


def test_the_exported_program_takes_images_of_any_size(tiny_bundle: Path, tmp_path: Path) -> None:
    network, auto = load_prior(tiny_bundle).network, torch.export.Dim.DYNAMIC
    program = torch.export.export(network, (torch.rand(2, 3, 5, 6),), dynamic_shapes=({0: auto, 2: auto, 3: auto},))
    torch.export.save(program, tmp_path / "model.pt2")
    coords = torch.rand(3, 3, 9, 7)
    out = torch.export.load(tmp_path / "model.pt2").module()(coords)
    torch.testing.assert_close(out, network(coords), atol=1e-5, rtol=0)


def test_the_onnx_export_equals_the_network(tiny_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    meta, config = (str(tiny_bundle / "configs" / name) for name in ("metadata.json", "inference.json"))
    weights, file = str(tiny_bundle / "models/model.pt"), str(tmp_path / "model.onnx")
    bundle.onnx_export("network_def", file, weights, meta, config, input_shape=[2, 3, 5, 6])
    coords = torch.rand(2, 3, 5, 6)
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {session.get_inputs()[0].name: coords.numpy()})
    np.testing.assert_allclose(out, load_prior(tiny_bundle).network(coords).detach().numpy(), atol=1e-5)


# --- restoring


def test_a_flat_scan_is_restored_flat(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    save(read(cohort_dir / "head0.nii.gz").data[:, :, 10], tmp_path / "in" / "slice.nii.gz")
    (path,) = restored(tiny_bundle, tmp_path / "in", tmp_path / "out")
    before, after = nib.load(tmp_path / "in" / "slice.nii.gz"), nib.load(path)
    assert after.shape[:2] == (48, 56) and np.prod(after.shape) == 48 * 56
    old, new = Grid((24, 28, 1), before.affine), Grid((48, 56, 1), after.affine)
    np.testing.assert_allclose(new.corners(), old.corners(), atol=1e-4)


def test_denoising_keeps_shape_and_affine(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    for path in restored(tiny_bundle, cohort_dir, tmp_path, scale_factor=1):
        before, after = nib.load(cohort_dir / f"{path.name.split('_')[0]}.nii.gz"), nib.load(path)
        assert after.shape == before.shape and path.name.endswith("_denoised.nii.gz")
        np.testing.assert_allclose(after.affine, before.affine, atol=1e-5)


def test_empty_slices_stay_finite_and_dark(tiny_bundle: Path, tmp_path: Path, cohort_dir: Path) -> None:
    data = read(cohort_dir / "head0.nii.gz").data.copy()
    data[:, :, :3] = 0
    save(data, tmp_path / "in" / "head.nii.gz")
    (path,) = restored(tiny_bundle, tmp_path / "in", tmp_path / "out", scale_factor=1)
    out = nib.load(path).get_fdata()
    assert np.isfinite(out).all() and out[:, :, 0].max() < 0.5 * data.max()


def test_the_order_of_cases_changes_nothing(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for old, new in (("head0", "b"), ("head1", "a")):
        shutil.copy(cohort_dir / f"{old}.nii.gz", tmp_path / "in" / f"{new}.nii.gz")
    swapped = restored(tiny_bundle, tmp_path / "in", tmp_path / "swapped")
    first = restored(tiny_bundle, cohort_dir, tmp_path / "first")
    assert [path.read_bytes() for path in swapped] == [first[1].read_bytes(), first[0].read_bytes()]


def test_the_shared_network_is_bit_identical_afterwards(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    made = workflow(tiny_bundle, "inference", dataset_dir=cohort_dir, output_dir=tmp_path, steps=2)
    made.run()
    network, saved = made.network_def, torch.load(tiny_bundle / "models/model.pt", weights_only=True)
    assert isinstance(network, Siren)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in saved.items())


def test_scans_of_one_name_in_two_folders_are_both_kept(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    for k in range(2):
        (tmp_path / "in" / f"case{k}").mkdir(parents=True)
        shutil.copy(cohort_dir / f"head{k}.nii.gz", tmp_path / "in" / f"case{k}" / "t1.nii.gz")
    paths = restored(tiny_bundle, tmp_path / "in", tmp_path / "out", scale_factor=1, steps=0)
    assert [path.relative_to(tmp_path / "out").parts[0] for path in paths] == ["case0", "case1"]


def test_the_record_names_the_prior_that_was_used(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    warm = restored(tiny_bundle, cohort_dir, tmp_path / "warm", scale_factor=1, steps=0)
    cold = restored(tiny_bundle, cohort_dir, tmp_path / "cold", "inference_cold", scale_factor=1, steps=0)
    assert record_of(warm[0])["prior_sha256"] == load_prior(tiny_bundle).digest
    assert record_of(cold[0])["prior"] == "cold" and not record_of(cold[0])["prior_sha256"]
    assert nib.load(warm[0]).get_fdata().tolist() != nib.load(cold[0]).get_fdata().tolist()


@pytest.mark.parametrize("factor", [2, 3, 1.5])
def test_evaluation_fits_its_truth_at_any_factor(
    factor: float, tiny_bundle: Path, cohort_dir: Path, tmp_path: Path
) -> None:
    small = {"scale_factor": factor, "steps": 0, "dataset_dir": cohort_dir, "output_dir": tmp_path}
    made = workflow(tiny_bundle, "train", "evaluate", kind="train", **small)
    made.run()
    found = made.parser.get_parsed_content("validate#evaluator").state.metrics
    assert 5 < found["psnr"] < 60 and 0 < found["ssim"] <= 1
    for name in ("psnr", "ssim"):
        rows = list(csv.reader((tmp_path / f"{name}_raw.csv").open()))
        assert len(rows) == 2 and "head2" in rows[1][0]  # a head and its number, for the one scan that validates


# --- the commands of the README


def shown() -> list[Any]:
    if not README.exists():
        return [pytest.param("", marks=pytest.mark.skip(reason="the bundle has no README yet"))]
    blocks = re.findall(r"^```\w*\n(.*?)^```", README.read_text(), re.M | re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if "monai.bundle" in line]
    slow = {True: [pytest.mark.slow], False: []}
    return [pytest.param(line, marks=slow["torchrun" in line], id=f"command {k}") for k, line in enumerate(lines)]


@pytest.mark.parametrize("line", shown())
def test_a_command_of_the_readme_works_as_printed(
    line: str,
    tiny_bundle: Path,
    cohort_dir: Path,
    tmp_path: Path,
    own_logging: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    words = [word.replace("DATASET", str(cohort_dir)).replace("OUT", str(out)) for word in shlex.split(line)]
    quick = {**SMALL, "steps": 1} if "evaluate.json" in line else SMALL if "train.json" in line else {"steps": 1}
    quick = (
        {} if "export_detail.json" in line else {**quick, "start": "general_strainer"} if "tune.json" in line else quick
    )
    words += [] if "ckpt_export" in words else options(quick)
    if words[0] == "torchrun":
        launcher = [sys.executable, "-m", "torch.distributed.run", *words[1:]]
        done = subprocess.run(launcher, cwd=tiny_bundle, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-1500:]
    else:
        assert words[:3] == ["python", "-m", "monai.bundle"]
        monkeypatch.chdir(
            BUNDLE if "export_detail.json" in line else tiny_bundle
        )  # the small one has no detail network
        monkeypatch.setattr(sys, "argv", words[2:])
        runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
    assert list(out.iterdir())
    if "evaluate.json" in line:
        assert re.search(r"psnr: \d.* ssim: \d", caplog.text)
    if "inference" in line and "run" in words:
        assert len([path for path in out.glob("*.nii.gz") if "_std" not in path.name]) == 3
        assert all(nib.load(path).shape == (2 * SHAPE[0], 2 * SHAPE[1], SHAPE[2]) for path in out.glob("*.nii.gz"))
