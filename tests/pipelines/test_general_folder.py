# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The bundle of a general prior that ``pretrain-general`` leaves: complete, taken by MONAI and by ``restore``."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from command_lines import run
from phantoms import small_detail, small_head

from monai_strainer import Volume, load_prior, write
from monai_strainer.cohorts import sources
from monai_strainer.networks import DetailChannels, DetailPrior
from monai_strainer.networks.noise_level import NoiseLevelNet
from monai_strainer.pipelines.general_folder import publish_general
from monai_strainer.pretraining import general, noise_level, truncation
from monai_strainer.pretraining.general import GeneralRecipe
from monai_strainer.priors.prior import GeneralPrior

WANTED = """
LICENSE configs/metadata.json configs/inference.json configs/export_detail.json configs/logging.conf docs/README.md
docs/data_license.txt models/model.pt models/noise_level.pt models/truncation.pt models/general.json
"""
SHAPE = (64, 64, 12)


def head(seed: int) -> Volume:
    return small_head(SHAPE, seed=seed)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a person runs, with networks that cost next to nothing: one scan trains, another one validates."""
    folder, out = tmp_path_factory.mktemp("any"), tmp_path_factory.mktemp("made") / "our own"
    for seed, name in enumerate(("a", "b")):
        write(head(seed), folder / f"{name}.nii.gz")
    (folder / "manifest.tsv").write_text("name\tsplit\na\ttrain\nb\tval\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monai_strainer.pretraining.detail.DetailPrior", partial(DetailPrior, channels=(8, 8), blocks=1))
        patch.setattr(general, "GENERAL", GeneralRecipe(steps=2, groups=1, patches=1, side=16))
        patch.setattr(noise_level, "NOISE_LEVEL", replace(noise_level.NOISE_LEVEL, steps=2, patches=1, side=16))
        patch.setattr(truncation, "TRUNCATION", replace(truncation.TRUNCATION, steps=2, patches=1, slices=1))
        patch.setattr(sources, "photograph_sources", lambda: ())
        words = ("pretrain-general", folder, out, "--device", "cpu", "--quiet")
        assert run(*words) == 0
        before = (out / "models" / "model.pt").read_bytes()
        assert run(*words, "--resume") == 0  # there is nothing left to do
        assert run(*words, "--resume", "--seed", "1") == 3
        assert (out / "models" / "model.pt").read_bytes() == before
    return out


def test_the_output_is_a_complete_bundle(made: Path, oasis: Path) -> None:
    assert [name for name in WANTED.split() if not (made / name).is_file()] == []
    assert not list(made.rglob("runs/*"))
    meta = json.loads((made / "configs/metadata.json").read_text())
    assert meta["name"] == "our_own" and "1 scans" in meta["description"]
    page = (made / "docs/README.md").read_text()
    assert len(meta["eval_metrics"]) == 4 and all(f"{value:.2f}" in page for value in meta["eval_metrics"].values())
    schema = oasis.parents[1] / "schema" / "meta_schema_20240725.json"
    if schema.exists():
        bundle = pytest.importorskip("monai.bundle")
        bundle.verify_metadata(str(made / "configs/metadata.json"), filepath=str(schema))


def test_monai_loads_it_with_its_own_sizes(made: Path) -> None:
    bundle = pytest.importorskip("monai.bundle")
    meta, config = (str(made / "configs" / name) for name in ("metadata.json", "inference.json"))
    bundle.verify_net_in_out("network_def", meta, config, device="cpu", any=24)
    network = bundle.load(made.name, bundle_dir=str(made.parent), workflow_type="inference")
    assert isinstance(network, DetailChannels) and network.channels == (8, 8)
    weights = torch.load(made / "models/model.pt", weights_only=True)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in weights.items())


def test_a_run_of_the_bundle_and_the_command_line_give_the_same(made: Path, tmp_path: Path) -> None:
    bundle = pytest.importorskip("monai.bundle")
    pytest.importorskip("ignite")
    write(head(5), tmp_path / "in" / "scan.nii.gz")
    options = {"bundle_root": str(made), "dataset_dir": str(tmp_path / "in"), "output_dir": str(tmp_path / "out")}
    workflow = bundle.ConfigWorkflow(
        str(made / "configs/inference.json"), workflow_type="infer", logging_file=False, scale_factor=1, **options
    )
    workflow.initialize()
    workflow.run()
    (found,) = tmp_path.glob("out/*_denoised.nii.gz")
    out = tmp_path / "restored.nii.gz"
    assert run("restore", tmp_path / "in" / "scan.nii.gz", out, "--scale", 1, "--prior", made, "--quiet") == 0
    # noise of 10: the steps of an adaptation enlarge differences of rounding between arrays of other layouts
    np.testing.assert_allclose(nib.load(found).get_fdata(), nib.load(out).get_fdata(), atol=0.2)
    record = json.loads(found.with_name(found.name.replace(".nii.gz", ".json")).read_text())
    assert record["detail_sha256"] == load_prior(made).general.digest  # type: ignore[union-attr]


def test_a_start_passes_its_terms_on_and_what_the_owner_wrote_stays(made: Path, tmp_path: Path) -> None:
    prior = GeneralPrior(
        small_detail(0, features=0),
        NoiseLevelNet(channels=4, layers=2),
        record=load_prior(made).general.record,  # type: ignore[union-attr]
    )
    publish_general(prior, tmp_path, terms="Theirs.")
    assert (tmp_path / "docs" / "data_license.txt").read_text().endswith("Theirs.")
    assert "Not measured" in (tmp_path / "docs" / "README.md").read_text()
    (tmp_path / "docs" / "data_license.txt").write_text("Ours.")
    publish_general(prior, tmp_path)
    assert (tmp_path / "docs" / "data_license.txt").read_text() == "Ours."


def test_a_folder_of_a_cohort_prior_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    rules = tmp_path / "out" / "models" / "prior.json"
    rules.parent.mkdir(parents=True)
    rules.write_text("mine")
    assert run("pretrain-general", tmp_path / "in", tmp_path / "out", "--overwrite") == 3
    assert "the prior of a cohort lies there" in capsys.readouterr().err
