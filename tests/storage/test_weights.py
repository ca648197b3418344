# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Rules may not ask for more than the weights hold: what is forged is refused, and no memory is taken for it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from phantoms import small_prior_with_detail, small_siren
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from monai_strainer.errors import InputError
from monai_strainer.networks import DetailPrior
from monai_strainer.networks.noise_level import NoiseLevelNet
from monai_strainer.networks.truncation import TruncationNet
from monai_strainer.priors.general_store import load_general, save_general
from monai_strainer.priors.prior import GeneralPrior
from monai_strainer.priors.store import load_prior, save_prior
from monai_strainer.storage.weights import outlined, read_weights

LIMIT = 2**20  # values: more than any tensor of the small networks


class Largest(TorchDispatchMode):
    """Notes the largest tensor that takes memory."""

    def __init__(self) -> None:
        super().__init__()
        self.values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor) and not leaf.is_meta:
                self.values = max(self.values, leaf.untyped_storage().nbytes() // 4)
        return out


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    save_prior(small_prior_with_detail(), tmp_path)
    return tmp_path


@pytest.fixture
def general(tmp_path: Path) -> Path:
    detail = DetailPrior(3, (8, 8), 1, 0, equivariant=True)
    save_general(GeneralPrior(detail, NoiseLevelNet(4, 2), truncation=TruncationNet(4)), tmp_path)
    return tmp_path


def forge(rules: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads(rules.read_text())
    change(record)
    rules.write_text(json.dumps(record))


def refused_without_memory(load: Callable[[], Any]) -> None:
    with Largest() as largest, pytest.raises(InputError):
        load()
    assert largest.values < LIMIT


COHORT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "width": lambda r: r["network"].update(hidden_channels=4000),
    "a million channels": lambda r: r["network"].update(hidden_channels=10**6),
    "layers": lambda r: r["network"].update(num_layers=4000),
    "outputs": lambda r: r["network"].update(out_channels=10**6),
    "coordinates": lambda r: r["network"].update(spatial_dims=10**6),
    "channels of the detail prior": lambda r: r["detail"]["network"].update(channels=[2000, 4000]),
    "levels of the detail prior": lambda r: r["detail"]["network"].update(channels=[8] * 4000),
    "blocks of the detail prior": lambda r: r["detail"]["network"].update(blocks=4000),
    "features of the detail prior": lambda r: r["detail"]["network"].update(features=4000),
}


@pytest.mark.parametrize("what", COHORT)
def test_forged_rules_of_a_cohort(cohort: Path, what: str) -> None:
    load_general()  # what comes with the package is no part of it
    forge(cohort / "models" / "prior.json", COHORT[what])
    refused_without_memory(lambda: load_prior(cohort))


GENERAL: dict[str, Callable[[dict[str, Any]], Any]] = {
    "channels": lambda r: r["detail"]["network"].update(channels=[2000, 4000]),
    "features": lambda r: r["detail"]["network"].update(features=10**6),
    "blocks": lambda r: r["detail"]["network"].update(blocks=4000),
    "channels of the noise level": lambda r: r["noise_level"]["network"].update(channels=4000),
    "layers of the noise level": lambda r: r["noise_level"]["network"].update(layers=4000),
    "channels of the truncation": lambda r: r["truncation"]["network"].update(channels=4000),
    "lags of the truncation": lambda r: r["truncation"]["network"].update(lags=4000),
}


@pytest.mark.parametrize("what", GENERAL)
def test_forged_rules_of_the_general_prior(general: Path, what: str) -> None:
    forge(general / "models" / "general.json", GENERAL[what])
    refused_without_memory(lambda: load_general(general))


def test_a_view_that_repeats_one_number_is_no_large_tensor(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1).expand(10**5, 10**5)}, tmp_path / "model.pt")
    with pytest.raises(InputError, match="more bytes than their file"):
        read_weights(tmp_path / "model.pt")


def test_a_packed_file_is_as_large_as_what_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    torch.save(small_siren().state_dict(), file)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as packed, packed.open("model/data/99", "w") as entry:
        for _ in range(300):
            entry.write(bytes(2**20))
    with pytest.raises(InputError, match="cannot be read as tensors"):
        read_weights(file)


def test_an_outline_takes_no_memory_and_draws_nothing() -> None:
    before = torch.get_rng_state()
    with Largest() as largest:
        network = outlined(DetailPrior, {"channels": [4000, 4000]}, dict.fromkeys(map(str, range(99)), torch.zeros(1)))
    assert largest.values < LIMIT and all(value.is_meta for value in network.state_dict().values())
    assert torch.equal(torch.get_rng_state(), before)


def test_to_restore_a_slice_loads_no_compiler() -> None:
    """PyTorch's compiler takes longer to load than a slice takes to restore."""
    code = """
import sys
import numpy as np
from monai_strainer import Grid, Volume, load_prior, restore
y = np.random.default_rng(0).random((24, 20, 1)).astype(np.float32)
restore(Volume(100 + y, Grid(y.shape, np.eye(4))), load_prior(), scale=1)
print({"torch._dynamo", "sympy"} & {*sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
