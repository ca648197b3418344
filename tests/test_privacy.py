# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What must not leave the patient: names in what we write and say, readouts in a prior, scans in an encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from dicom_files import series
from phantoms import small_prior

from monai_strainer import load_prior, read, save_prior
from monai_strainer.anatomy.foreground import foreground, intensity_scale_of
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.cli import main
from monai_strainer.cohorts.read import split_scans
from monai_strainer.fitting.readout import features_of
from monai_strainer.priors.shipped import bundle_path

SECRETS = ("SECRET", "4711", "19500101")
MARGIN = 8.0  # dB by which solved readouts may fit training scans better than unseen ones; 6.7 dB is measured


def test_no_patient_attribute_leaves_the_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = series(tmp_path / "SECRET" / "NAME")
    save_prior(small_prior(), tmp_path / "bundle")
    words = ["restore", source, tmp_path / "out", "--prior", tmp_path / "bundle", "--steps", "1", "--std", "--report"]
    assert main([str(word) for word in words]) == 0
    said = capsys.readouterr()
    texts = [said.out, said.err]
    for file in (tmp_path / "out").rglob("*"):
        texts.append(str(file.relative_to(tmp_path / "out")))
        if file.suffix in (".json", ".html"):
            texts.append(file.read_text())
    assert len(texts) > 10
    assert not [secret for secret in SECRETS for text in texts if secret in text]


def test_a_refusal_names_no_patient(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = series(tmp_path / "SECRET" / "NAME", lambda k, image: setattr(image, "Modality", "CT"))
    save_prior(small_prior(), tmp_path / "bundle")
    assert main(["restore", str(source), str(tmp_path / "out"), "--prior", str(tmp_path / "bundle"), "--quiet"]) == 3
    said = capsys.readouterr()
    assert "Modality" in said.err and not [secret for secret in SECRETS if secret in said.out + said.err]


def test_the_released_prior_holds_no_head_of_a_patient() -> None:
    models = bundle_path() / "models"
    for file in models.glob("*.pt"):
        state = torch.load(file, weights_only=True)
        assert not [name for name in state if name.startswith("heads")]
    prior = load_prior()
    assert prior.network.readout.weight.shape[0] == 1  # one mean head, whatever the size of the cohort


def test_the_encoder_gives_no_training_scan_back(oasis: Path) -> None:
    """Closed-form heads on training and on unseen scans: their PSNR differs by no more than the margin."""
    prior = load_prior()
    groups = split_scans(oasis)
    means = []
    for paths in (groups[0][:5], groups[1][:5]):
        values = []
        for path in paths:
            scan = read(path)
            head = foreground(scan.data)
            pose, scale = find_pose(head, scan.grid), intensity_scale_of(scan.data, head, prior.percentile)
            axis = scan.grid.axis_of("axial")
            k = int((pose.centre[axis] + 1) / 2 * scan.grid.shape[axis])
            coords = torch.from_numpy(pose.coordinates(scan.grid.shape, axis, slice(k, k + 1))[:, :3])
            truth = torch.from_numpy(scan.slices(axis)[k] / np.float32(scale))
            with torch.no_grad():
                design = features_of(prior.network, coords[0]).flatten(1).T.double()  # (N, C + 1)
            y = truth.flatten().double()
            ridge = 1e-3 * torch.eye(design.shape[1], dtype=torch.float64)
            weights = torch.linalg.solve(design.T @ design + ridge, design.T @ y)
            inside = torch.from_numpy(head.transpose(axis, *(j for j in range(3) if j != axis))[k]).flatten()
            values.append(-10 * float(((design @ weights - y)[inside] ** 2).mean().log10()))
        means.append(float(np.mean(values)))
    print(f"training {means[0]:.1f} dB, unseen {means[1]:.1f} dB")
    assert means[0] - means[1] < MARGIN
