# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The exported detail network gives what the network gives, and both take what the metadata say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from phantoms import ellipsoid, small_siren
from torch import Tensor

from monai_strainer import InputError, Prior, load_prior
from monai_strainer.bundle.export import example_inputs, export_detail
from monai_strainer.geometry import centres
from monai_strainer.networks import DetailPrior
from monai_strainer.pretraining.patches import CleanScan, MeasuredPatches
from monai_strainer.priors.shipped import bundle_path

META = json.loads((bundle_path() / "configs" / "metadata.json").read_text())


def prior_of(features: int, equivariant: bool) -> Prior:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        detail = DetailPrior(channels=(8, 8), blocks=1, features=features, equivariant=equivariant)
        torch.nn.init.normal_(detail.tail.weight, std=0.03)
        return Prior(small_siren(), detail=detail.eval())


PRIORS = pytest.mark.parametrize(("features", "equivariant"), [(16, False), (0, True)])


@torch.no_grad()
def outputs(run: Any, inputs: tuple[Tensor, ...]) -> list[np.ndarray]:
    return [out.numpy() for out in run(*inputs)]


@PRIORS
def test_the_exported_program_equals_the_network_at_other_sizes(
    features: int, equivariant: bool, tmp_path: Path
) -> None:
    prior = prior_of(features, equivariant)
    assert prior.detail is not None
    program = torch.export.load(export_detail(prior, tmp_path / "detail.pt2")).module()
    for batch, height, width in ((1, 16, 72), (3, 40, 24)):
        inputs = example_inputs(prior.detail, batch, height, width)
        for one, two in zip(outputs(prior.detail, inputs), outputs(program, inputs)):
            np.testing.assert_allclose(one, two, atol=1e-5)


@PRIORS
def test_onnx_gives_the_same(features: int, equivariant: bool, tmp_path: Path) -> None:
    for name in ("onnx", "onnxscript"):
        pytest.importorskip(name)
    runtime = pytest.importorskip("onnxruntime")
    prior = prior_of(features, equivariant)
    assert prior.detail is not None
    file = export_detail(prior, tmp_path / "detail.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["detail.onnx"]  # weights are within
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    assert names == ["image", "conditions", "features"][: len(names)]
    for batch, height, width in ((1, 16, 72), (3, 40, 24)):
        inputs = example_inputs(prior.detail, batch, height, width)
        found = session.run(["restored", "log_std"], dict(zip(names, (given.numpy() for given in inputs))))
        for one, two in zip(outputs(prior.detail, inputs), found):
            np.testing.assert_allclose(one, two, atol=1e-4)


@pytest.mark.parametrize(("name", "says"), [("a.ts", "no format"), ("there.pt2", "exists already")])
def test_what_cannot_be_written_is_refused(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "there.pt2").touch()
    with pytest.raises(InputError, match=says):
        export_detail(prior_of(0, True), tmp_path / name)


def test_a_prior_without_a_detail_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no detail network"):
        export_detail(Prior.cold(), tmp_path / "a.pt2")


# --- the metadata


def within(value: Tensor, part: dict[str, Any], name: str) -> None:
    """A tensor has the channels, type and range that the metadata give."""
    low, high = part["value_range"]
    assert value.shape[1] == part["num_channels"] and str(value.dtype) == f"torch.{part['dtype']}", name
    assert low <= float(value.min()) and float(value.max()) <= high, (name, float(value.min()), float(value.max()))


def test_the_coordinate_network_takes_and_gives_what_the_metadata_say() -> None:
    form = META["network_data_format"]
    inputs, given = form["inputs"]["image"], form["outputs"]["pred"]
    low, high = inputs["value_range"]
    coords = low + (high - low) * torch.rand(
        2, inputs["num_channels"], 64, 48, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        out = load_prior().network(coords)
    within(out, given, "pred")
    assert out.shape[2:] == (64, 48) and [len(part["channel_def"]) for part in (inputs, given)] == [3, 1]


def test_the_detail_network_takes_and_gives_what_the_metadata_say() -> None:
    form, prior = META["detail_data_format"], load_prior()
    assert prior.detail is not None
    places = tuple((0.9 * centres(n)).astype(np.float32) for n in (40, 44, 36))
    data = (ellipsoid((40, 44, 36)) / 600).astype(np.float16)
    patches = MeasuredPatches([CleanScan(data, (places[0], places[1], places[2]), (0, 1, 2))], 12, patches=2, side=32)
    for k in range(12):
        group = patches[k]
        with torch.no_grad():
            group["features"] = prior.network(group["coords"], features=True)
            given = [group[name] for name in form["inputs"]]
            found = dict(zip(form["outputs"], prior.detail(*given)))
        for name, part in form["inputs"].items():
            within(group[name], part, name)
        for name, part in form["outputs"].items():
            within(found[name], part, name)
            assert found[name].shape[2:] == (32, 32)
    assert [tuple(part.shape[1:]) for part in given] == [
        tuple(one.shape[1:]) for one in example_inputs(prior.detail, 2, 32, 32)
    ]
    for name, part in {**form["inputs"], **form["outputs"]}.items():
        assert len(part["channel_def"]) in (part["num_channels"], 1), name
