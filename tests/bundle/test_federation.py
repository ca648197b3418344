# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Two hospitals pretrain one encoder through MonaiAlgo; heads never leave."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from monai_strainer import Prior, save_prior, write

pytest.importorskip("ignite")
client = pytest.importorskip("monai.fl.client")

from monai.fl.utils.constants import ExtraItems  # noqa: E402
from monai.fl.utils.exchange_object import ExchangeObject  # noqa: E402

from .test_workflows import BUNDLE, brain  # noqa: E402

SMALL = {"grid": [6, 24, 28], "epochs": 1, "steps_per_epoch": 2, "points": 64, "val_tiles": 2, "val_interval": 1}


def hospital(folder: Path, scans: int, first: int) -> Any:
    """A client whose bundle and cohort are its own; all start from one network of 16 units."""
    for k in range(scans):
        write(brain(first + k), folder / "cohort" / f"scan{k}.nii.gz")
    own = folder / "mri_strainer"
    shutil.copytree(BUNDLE, own, ignore=shutil.ignore_patterns("models"))
    for name in ("train", "inference"):
        file = own / "configs" / f"{name}.json"
        config = json.loads(file.read_text())
        config["network_def"]["hidden_channels"] = 16
        if name == "train":
            config.update(SMALL, dataset_dir=str(folder / "cohort"), output_dir=str(own))
        file.write_text(json.dumps(config))
    save_prior(Prior.cold(0, hidden_channels=16), own)
    algo = client.MonaiAlgo(
        bundle_root=str(own), local_epochs=1, send_weight_diff=False, config_filters_filename="configs/filters.json"
    )
    algo.initialize(extra={ExtraItems.CLIENT_NAME: folder.name})
    return algo


def test_two_hospitals_average_the_encoder_alone(tmp_path: Path) -> None:
    clients = [hospital(tmp_path / "north", 3, 0), hospital(tmp_path / "south", 4, 10)]
    start = Prior.cold(0, hidden_channels=16).network.state_dict()
    shared = ExchangeObject(weights={name: value.numpy() for name, value in start.items()})
    sent = []
    for algo in clients:
        algo.train(data=shared, extra={})
        sent.append(algo.get_weights(extra={}).weights)
    assert all(set(weights) == {name for name in start if name.startswith("encoder.")} for weights in sent)
    moved = "encoder.1.0.weight"
    assert not torch.equal(torch.as_tensor(sent[0][moved]), torch.as_tensor(sent[1][moved]))
    mean = {name: (torch.as_tensor(sent[0][name]) + torch.as_tensor(sent[1][name])).numpy() / 2 for name in sent[0]}
    for algo in clients:  # the next round starts from the mean, and takes it without heads
        algo.train(data=ExchangeObject(weights=mean), extra={})
        assert set(algo.evaluate(data=ExchangeObject(weights=mean), extra={}).metrics) == {"psnr", "ssim"}
        algo.finalize()
