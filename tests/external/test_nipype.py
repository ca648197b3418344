# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The Nipype example: its own interface of ANTs with one word changed, our interfaces in a workflow."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from phantoms import small_head, small_prior_with_detail

from monai_strainer import save_prior, write
from monai_strainer.cli import main

os.environ["NO_ET"] = "1"  # Nipype asks no server for its newest version
nipype = pytest.importorskip("nipype", reason="nipype is not installed: tests/external/install.sh")
EXAMPLES = Path(__file__).parents[2] / "examples" / "nipype"
pytestmark = [pytest.mark.external, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a scan and a prior; the command and the example can be found."""
    write(small_head(), tmp_path / "in.nii.gz")
    save_prior(small_prior_with_detail(tail=0.01), tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    return tmp_path


def data(path: Any) -> np.ndarray:
    return np.asanyarray(nib.load(path).dataobj)


def test_nipypes_own_interface_of_ants_works_with_one_word_changed(here: Path) -> None:
    from nipype.interfaces.ants import DenoiseImage

    denoise = DenoiseImage(command="monai-strainer denoise-image", dimension=3, save_noise=True, verbose=True)
    denoise.inputs.input_image = str(here / "in.nii.gz")
    found = denoise.run().outputs
    np.testing.assert_allclose(
        data(found.output_image) + data(found.noise_image), data("in.nii.gz"), rtol=1e-6, atol=1e-3
    )


def test_the_interface_of_the_example_does_what_the_command_does(here: Path) -> None:
    from strainer_nipype import DenoiseImage

    mask = here / "mask.nii.gz"
    nib.save(nib.Nifti1Image((data("in.nii.gz") > 300).astype(np.uint8), small_head().grid.affine), mask)
    denoise = DenoiseImage(dimension=3, noise_model="Rician", prior=str(here / "bundle"), device="cpu", num_threads=1)
    denoise.inputs.input_image, denoise.inputs.mask_image = str(here / "in.nii.gz"), str(mask)
    done = denoise.run()
    assert done.runtime.version is not None
    words = "denoise-image -d 3 -i in.nii.gz -n rician -x mask.nii.gz -o same.nii.gz --prior bundle --device cpu"
    assert main(words.split()) == 0
    np.testing.assert_allclose(data(done.outputs.output_image), data("same.nii.gz"), rtol=1e-4)


def test_a_workflow_denoises_and_refines_and_a_second_run_does_nothing(here: Path) -> None:
    from nipype import Node, Workflow
    from strainer_nipype import DenoiseImage, Restore

    common = {"prior": str(here / "bundle"), "device": "cpu"}
    denoise = Node(DenoiseImage(dimension=3, input_image=str(here / "in.nii.gz"), **common), name="denoise")
    finer = Node(Restore(scale=[2], save_std=True, save_report=True, **common), name="finer")
    workflow = Workflow(name="flow", base_dir=str(here / "work"))
    workflow.connect(denoise, "output_image", finer, "input_image")
    graph = workflow.run()
    found = next(node for node in graph.nodes() if node.name == "finer").result.outputs
    assert nib.load(found.output_image).shape == nib.load(found.std_image).shape == (44, 52, 6)
    assert Path(found.report).exists() and Path(found.page).exists()
    before = Path(found.output_image).stat().st_mtime_ns
    workflow.run()
    assert Path(found.output_image).stat().st_mtime_ns == before


def test_a_refusal_stops_the_workflow_and_is_in_its_log(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    from strainer_nipype import DenoiseImage

    denoise = DenoiseImage(dimension=2, prior=str(here / "bundle"), input_image=str(here / "in.nii.gz"))
    with pytest.raises((RuntimeError, FileNotFoundError)):
        denoise.run()
    assert "2 dimensions were given" in caplog.text
