# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The federated example under the simulator of NVIDIA FLARE: two hospitals, two rounds, the average made by hand."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from bundle.test_federation import client_of, hospital, mean_of
from monai.fl.utils.exchange_object import ExchangeObject

from monai_strainer.networks import DetailPrior

pytestmark = pytest.mark.external
ROOT = Path(__file__).parents[2]
SMALL = {"steps": 4, "epochs": 2, "groups": 1, "patches": 1, "side": 8, "network_def#channels": [8, 8]}
FILES = {
    "config_train_filename": ["configs/train_detail.json", "configs/federated_detail.json"],
    "config_evaluate_filename": None,
}


def by_hand(sites: Path) -> dict[str, torch.Tensor]:
    """Two rounds of both sites in this process, and the mean of what they send."""
    torch.manual_seed(0)
    start = DetailPrior(channels=(8, 8), blocks=2, features=16).state_dict()
    shared = ExchangeObject(weights={name: value.numpy() for name, value in start.items()})
    clients, states = [], []
    for site in sorted(sites.iterdir()):
        own = {"bundle_root": str(site / "mri_strainer"), "dataset_dir": str(site / "cohort")}
        clients.append(client_of(site / "mri_strainer", **FILES, train_kwargs={**SMALL, **own}))
        states.append(torch.get_rng_state())
    for _ in range(2):
        sent = []
        for k, algo in enumerate(clients):
            torch.set_rng_state(states[k])  # a site is a process of its own
            algo.train(data=shared, extra={})
            states[k] = torch.get_rng_state()
            sent.append(algo.get_weights(extra={}).weights)
        shared = mean_of(sent)
    for algo in clients:
        algo.finalize()
    return {name: torch.as_tensor(value) for name, value in (shared.weights or {}).items()}


def test_two_rounds_of_two_hospitals_are_the_average_by_hand(tmp_path: Path) -> None:
    python = ROOT / ".venv-nvflare" / "bin" / "python"
    if not python.exists():
        pytest.skip("NVIDIA FLARE is not installed: tests/external/install.sh")
    for name, n in (("north", 3), ("south", 4)):
        hospital(tmp_path / "sites" / name, n, n)
    (tmp_path / "options.json").write_text(json.dumps(SMALL))
    words = [tmp_path / "sites", tmp_path / "out", "--rounds", "2", "--options", tmp_path / "options.json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{python.parent}:{os.environ['PATH']}"}
    command = [str(python), str(ROOT / "examples" / "federated" / "simulate.py"), *map(str, words)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    found = torch.load(tmp_path / "out" / "detail.pt", weights_only=True)
    wanted = by_hand(tmp_path / "sites")
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-6, msg=name)
