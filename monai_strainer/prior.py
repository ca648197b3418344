# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A prior: an encoder, the statistics of the heads that go with it, and the rules it was made by."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ._version import __version__
from .bundles import bundle_path
from .errors import InputError
from .geometry import NORMAL, Plane
from .io import atomic, sha256, write_json
from .likeness import Typical
from .networks import DetailPrior, Siren, sizes_of, sizes_of_detail

__all__ = ["Prior", "check_weights", "load_prior", "save_prior"]

WEIGHTS, DETAIL, RULES = "models/model.pt", "models/detail.pt", "models/prior.json"
LARGEST = 256 * 2**20  # bytes of a weights file
WIDEST = 4096  # units or layers


@dataclass(frozen=True, eq=False)
class Prior:
    """What one cohort taught.

    Args:
        network: shared encoder, mean head and head covariance; holds no head of any one scan.
        plane: plane of the slices it was trained on.
        percentile: of the foreground that stands for 1 (the intensity rule).
        half_mm: (3,) mean half size of the cohort's heads in mm, RAS order.
        digest: sha256 of the weights file; empty for a prior that was never saved.
        record: how it was made.
        detail: the detail prior that was trained beside the network, if there is one.
        typical: what is usual for heads of the cohort's kind, if that was measured.

    Example:
        >>> prior = Prior.cold(seed=0)
        >>> prior.plane, prior.network.num_layers
        ('axial', 6)
    """

    network: Siren
    plane: Plane = "axial"
    percentile: float = 99.5
    half_mm: tuple[float, float, float] = (64.0, 81.5, 62.0)  # an adult brain
    digest: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    detail: DetailPrior | None = None
    typical: Typical | None = None

    @classmethod
    def cold(cls, seed: int = 0, **network: Any) -> Prior:
        """No prior at all: a freshly drawn Siren, the honest baseline."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(Siren(**network), record={"kind": "cold", "seed": seed})


def check_weights(state: Any, network: nn.Module, file: Path) -> None:
    """Refuse weights that do not fit a network exactly.

    Raises:
        InputError: not a dictionary of tensors, tensors missing, unknown, of another shape, or not finite.
    """
    remedy = "use a prior made by monai_strainer pretrain with the same architecture"
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError("the weights are not a dictionary of tensors", remedy, file)
    wanted = network.state_dict()
    if missing := sorted(set(wanted) - set(state)):
        raise InputError(f"the weights lack {', '.join(missing[:4])}", remedy, file)
    if extra := sorted(str(name) for name in set(state) - set(wanted)):
        raise InputError(f"the weights hold unknown tensors {', '.join(extra[:4])}", remedy, file)
    for name in [*dict(network.named_parameters()), *dict(network.named_buffers())]:
        value = state[name]
        if value.shape != wanted[name].shape:
            raise InputError(f"{name} is {tuple(value.shape)}, not {tuple(wanted[name].shape)}", remedy, file)
        if not torch.isfinite(value).all():
            raise InputError(
                f"{name} holds values that are not finite", "take the weights from their source again", file
            )
    if "head_covariance" in state and torch.linalg.cholesky_ex(state["head_covariance"].double()).info.item():
        raise InputError("head_covariance is no covariance", "take the weights from their source again", file)


def load_prior(path: str | os.PathLike[str] | None = None) -> Prior:
    """Load a prior from a bundle folder; without an argument, the one that comes with the package.

    Only tensors are ever read from a weights file, never code.

    Raises:
        InputError: the folder is no bundle, or its weights or rules are damaged or do not belong together.

    Example:
        >>> load_prior().plane  # doctest: +SKIP
        'axial'
    """
    folder = bundle_path() if path is None else Path(path)
    weights, rules = folder / WEIGHTS, folder / RULES
    for file in (weights, rules):
        if not file.is_file():
            raise InputError(
                f"there is no {file.relative_to(folder)} in {folder.name}",
                "pass a bundle folder that pretrain wrote",
                file,
            )
    try:
        record = json.loads(rules.read_text())
        network, plane, percentile, half = _understood(record)
        detail = _detail(record["detail"]) if record.get("detail") else None
        typical = Typical.from_record(record["typical"]) if record.get("typical") else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError, RuntimeError) as error:
        finding = f"the rules of the prior cannot be read ({type(error).__name__})"
        raise InputError(finding, "take the bundle from its source again", rules) from error
    digest = _fill(network, weights, record.get("sha256"))
    if detail is not None:
        _fill(detail, folder / DETAIL, record["detail"].get("sha256"))
        detail.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Prior(network.eval(), plane, percentile, half, digest, record, detail, typical)


def _fill(network: nn.Module, weights: Path, vouched: str | None) -> str:
    """Put the weights of a file into a network, if it is the file that the rules were written for; its sha256."""
    if not weights.is_file():
        raise InputError(f"there is no {weights.name}", "take the bundle from its source again", weights)
    if weights.stat().st_size > LARGEST:
        raise InputError(
            f"the weights take {weights.stat().st_size} bytes", "a prior is a few MB: check the file", weights
        )
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises nearly anything on a damaged or foreign file
        raise InputError(
            f"the weights cannot be read as tensors ({type(error).__name__})",
            "take the file from its source again",
            weights,
        ) from error
    check_weights(state, network, weights)
    digest = sha256(weights)
    if vouched not in (None, digest):
        raise InputError(
            "the weights are not those that the rules were written for",
            f"take {weights.name} and prior.json from one source",
            weights,
        )
    network.load_state_dict(state)
    network.eval()
    return digest


def _understood(record: dict[str, Any]) -> tuple[Siren, Plane, float, tuple[float, float, float]]:
    """Network, plane, percentile and head size that the rules name; any error says that they are none."""
    if record["network"]["hidden_channels"] > WIDEST or record["network"]["num_layers"] > WIDEST:
        raise ValueError("no prior is as wide as that")
    plane, percentile = record["plane"], float(record["percentile"])
    x, y, z = (float(value) for value in record["half_mm"])
    if plane not in NORMAL or not 0 < percentile <= 100 or not 0 < min(x, y, z) < 1e4:
        raise ValueError("the rules hold impossible values")
    return Siren(**record["network"]), plane, percentile, (x, y, z)


def _detail(record: dict[str, Any]) -> DetailPrior:
    sizes = record["network"]
    if max(*sizes["channels"], sizes["blocks"], sizes["features"], sizes["slices"]) > WIDEST:
        raise ValueError("no detail prior is as wide as that")
    return DetailPrior(**sizes)


def save_prior(prior: Prior, folder: str | os.PathLike[str], record: dict[str, Any] | None = None) -> Prior:
    """Write a prior into a bundle folder: weights first, then the rules that vouch for them; each whole or not at all.

    Returns:
        the prior as it now lies there.
    """
    folder = Path(folder)
    (folder / "models").mkdir(parents=True, exist_ok=True)
    weights, rules = folder / WEIGHTS, folder / RULES
    _pack(prior.network, weights)
    content = {
        **(record if record is not None else prior.record),
        "made_by": f"monai_strainer {__version__}",
        "network": sizes_of(prior.network),
        "plane": prior.plane,
        "percentile": prior.percentile,
        "half_mm": list(prior.half_mm),
        "sha256": sha256(weights),
    }
    if prior.typical is not None:
        content["typical"] = prior.typical.as_record()
    if prior.detail is not None:
        _pack(prior.detail, folder / DETAIL)
        kept = content.get("detail") or {}
        content["detail"] = {**kept, "network": sizes_of_detail(prior.detail), "sha256": sha256(folder / DETAIL)}
    else:
        content.pop("detail", None)
    write_json(rules, content)
    return load_prior(folder)


def _pack(network: nn.Module, weights: Path) -> None:
    packed = io.BytesIO()  # saved to a file, the archive would carry the file's temporary name
    torch.save(
        {name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()}, packed
    )
    with atomic(weights) as temporary:
        temporary.write_bytes(packed.getvalue())
