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
from monai_strainer.networks import DetailPrior

pytest.importorskip("ignite")
client = pytest.importorskip("monai.fl.client")

from monai.fl.utils.constants import ExtraItems  # noqa: E402
from monai.fl.utils.exchange_object import ExchangeObject  # noqa: E402

from .test_workflows import BUNDLE, brain  # noqa: E402

SMALL = {"grid": [6, 24, 28], "epochs": 1, "steps_per_epoch": 2, "points": 64, "val_tiles": 2, "val_interval": 1}


def hospital(folder: Path, scans: int, first: int) -> Path:
    """A bundle and a cohort of its own; all start from one network of 16 units."""
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
    return own


def client_of(bundle: Path, **files: Any) -> Any:
    """What an FL platform starts at a hospital."""
    algo = client.MonaiAlgo(bundle_root=str(bundle), local_epochs=1, send_weight_diff=False, **files)
    algo.initialize(extra={ExtraItems.CLIENT_NAME: bundle.parent.name})
    return algo


def mean_of(sent: list[Any]) -> ExchangeObject:
    """What a server makes of two messages."""
    one, two = sent
    return ExchangeObject(
        weights={name: (torch.as_tensor(one[name]) + torch.as_tensor(two[name])).numpy() / 2 for name in one}
    )


def test_two_hospitals_average_the_encoder_alone(tmp_path: Path) -> None:
    files = {
        "config_train_filename": ["configs/train.json", "configs/federated.json"],
        "config_filters_filename": "configs/filters.json",
    }
    clients = [client_of(hospital(tmp_path / name, n, n), **files) for name, n in (("north", 3), ("south", 4))]
    start = Prior.cold(0, hidden_channels=16).network.state_dict()
    shared = ExchangeObject(weights={name: value.numpy() for name, value in start.items()})
    sent = []
    for algo in clients:
        algo.train(data=shared, extra={})
        sent.append(algo.get_weights(extra={}).weights)
    assert all(set(weights) == {name for name in start if name.startswith("encoder.")} for weights in sent)
    moved = "encoder.1.0.weight"
    assert not torch.equal(torch.as_tensor(sent[0][moved]), torch.as_tensor(sent[1][moved]))
    for algo in clients:  # the next round starts from the mean, takes it without heads, and goes on in its data
        shown = algo.train_workflow.parser.get_parsed_content("train#sampler").shown
        algo.train(data=mean_of(sent), extra={})
        assert algo.train_workflow.parser.get_parsed_content("train#sampler").shown == 2 * shown > 0
        assert set(algo.evaluate(data=mean_of(sent), extra={}).metrics) == {"psnr", "ssim"}
        algo.finalize()


def test_two_hospitals_average_a_detail_prior(tmp_path: Path) -> None:
    files = {
        "config_train_filename": ["configs/train_detail.json", "configs/federated_detail.json"],
        "config_evaluate_filename": None,
    }
    small = {"steps": 4, "epochs": 2, "groups": 1, "patches": 1, "side": 8}
    clients = []
    for name, n in (("north", 3), ("south", 4)):
        own = hospital(tmp_path / name, n, n)
        cohort = {"bundle_root": str(own), "dataset_dir": str(own.parent / "cohort")}
        options = {**small, **cohort, "network_def#channels": [8, 8]}
        clients.append(client_of(own, **files, train_kwargs=options))
    torch.manual_seed(0)
    start = DetailPrior(channels=(8, 8), blocks=2, features=16).state_dict()
    shared = ExchangeObject(weights={name: value.numpy() for name, value in start.items()})
    for _ in range(2):
        sent = []
        for algo in clients:
            algo.train(data=shared, extra={})
            sent.append(algo.get_weights(extra={}).weights)
        assert sent[0].keys() == start.keys()  # no part of it belongs to a scan
        moved = "encode.0.0.first.weight"
        assert not torch.equal(torch.as_tensor(sent[0][moved]), torch.as_tensor(sent[1][moved]))
        shared = mean_of(sent)
    for algo in clients:
        assert algo.train_workflow.parser.get_parsed_content("train#sampler").shown == 4
        algo.finalize()
