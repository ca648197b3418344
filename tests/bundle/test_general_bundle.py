# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The general bundle that comes with the package: MONAI loads it, its metrics are measured, its network restores."""

from __future__ import annotations

import copy
import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from phantoms import small_head, small_siren

from monai_strainer import InputError, load_prior
from monai_strainer.inferers import StrainerInferer
from monai_strainer.networks import DetailChannels, DetailPrior
from monai_strainer.priors.general_store import load_general
from monai_strainer.priors.shipped import bundle_path

bundle = pytest.importorskip("monai.bundle")

from .conftest import BUNDLE  # noqa: E402

GENERAL = BUNDLE.with_name("general_strainer")
CONFIG, META = (str(GENERAL / "configs" / name) for name in ("inference.json", "metadata.json"))


@pytest.mark.parametrize("any_size", [1, 7, 24])
def test_the_network_takes_what_the_metadata_say(any_size: int) -> None:
    bundle.verify_net_in_out("network_def", META, CONFIG, device="cpu", any=any_size)


def test_the_metadata_pass_the_schema(oasis: Path) -> None:
    schema = oasis.parents[1] / "schema" / "meta_schema_20240725.json"
    if not schema.exists():
        pytest.skip("the schema of MONAI is not there")
    bundle.verify_metadata(META, filepath=str(schema))


def test_monai_loads_the_weights_that_restore_takes() -> None:
    network = bundle.load("general_strainer", bundle_dir=str(BUNDLE.parent), workflow_type="inference")
    general = load_general()
    assert isinstance(network, DetailChannels) and general is not None
    own, state = general.detail.state_dict(), network.state_dict()
    assert own.keys() == state.keys() and all(torch.equal(own[name], state[name]) for name in own)


def test_the_metrics_are_those_of_the_benchmark_on_any_scan() -> None:
    rows = list(csv.DictReader((BUNDLE.parents[1] / "benchmarks" / "any_scan.csv").open()))
    names = {"denoise3": "noise_3_percent", "denoise9": "noise_9_percent", "x2": "in_plane_2x"}
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["method"] == "ours" and row["task"] in names and row["group"] != "in the cohort":
            name = f"psnr_{names[row['task']]}_{row['group'].replace(' ', '_')}"
            found.setdefault(name, []).append(float(row["psnr"]))
    means = {name: round(float(np.mean(values)), 2) for name, values in found.items()}
    assert json.loads(Path(META).read_text())["eval_metrics"] == means


def test_a_bundle_with_the_older_name_of_the_weights_loads(tmp_path: Path) -> None:
    shutil.copytree(GENERAL / "models", tmp_path / "models")
    (tmp_path / "models" / "model.pt").rename(tmp_path / "models" / "detail.pt")
    prior, here = load_general(tmp_path), load_general()
    assert prior is not None and here is not None and prior.digest == here.digest


def test_one_tensor_holds_what_the_detail_network_gives() -> None:
    sizes = {"slices": 3, "channels": (8, 8), "blocks": 1, "features": 0, "equivariant": True}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain, image, conditions = DetailPrior(**sizes), torch.rand(2, 5, 16, 24), torch.rand(2, 10)  # type: ignore[arg-type]
    network = DetailChannels(**sizes)  # type: ignore[arg-type]
    network.load_state_dict(plain.state_dict())
    mean, log_std = plain(image, conditions)
    torch.testing.assert_close(network(image, conditions), torch.cat([mean, log_std.exp()], 1))
    unit = torch.tensor([5.0, 5, 5, 5, 1])[:, None, None]  # of slices and noise; what is left open has none
    grown, once = network(unit * image), network(image)  # without conditions: no unit changes the result
    torch.testing.assert_close(grown, 5 * once, rtol=1e-4, atol=1e-4)


def test_the_inferer_restores_with_the_weights_that_it_is_given() -> None:
    prior = load_prior(bundle_path("general_strainer"))
    scan = torch.from_numpy(small_head((40, 44, 6)).data)[None, None]
    inferer = StrainerInferer(1, prior=prior, adapt=0)
    assert prior.detail is not None
    same = inferer(scan, prior.detail)
    changed = copy.deepcopy(prior.detail)
    torch.nn.init.zeros_(changed.tail.weight)  # it then gives its input back
    other = inferer(scan, changed)
    records = [json.loads(out.meta["strainer_report"][0]) for out in (same, other)]
    assert records[0]["choice"]["prior"] == "general" and not torch.equal(same.as_tensor(), other.as_tensor())


@pytest.mark.parametrize("more", [{"prior": None}, {"cold": True}])
def test_a_detail_network_without_its_general_prior_is_refused(more: dict[str, object]) -> None:
    prior = load_prior(bundle_path("general_strainer"))
    inferer = StrainerInferer(1, **{"prior": prior, **more})  # type: ignore[arg-type]
    assert prior.detail is not None
    with pytest.raises(InputError, match="the other parts of its general prior"):
        inferer(torch.rand(1, 1, 12, 12), prior.detail)


def test_a_cohort_prior_refuses_it_too() -> None:
    prior = load_prior()
    assert prior.general is not None
    with pytest.raises(InputError, match="the other parts of its general prior"):
        StrainerInferer(1, prior=prior)(torch.rand(1, 1, 12, 12), prior.general.detail)
    with pytest.raises(InputError, match="is no Siren"):
        StrainerInferer(1)(torch.rand(1, 1, 12, 12), torch.nn.Linear(2, 2))
    assert StrainerInferer(1, steps=0)(torch.rand(1, 1, 12, 12), small_siren()).shape == (1, 1, 12, 12)
