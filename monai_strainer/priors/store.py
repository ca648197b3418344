# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Load and save a prior: tensors only, checked against the rules that were written with them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._version import __version__
from ..errors import InputError
from ..geometry import NORMAL, Plane
from ..networks import DetailPrior, Siren, sizes_of, sizes_of_detail
from ..storage.atomic import json_text
from ..storage.weights import UNREADABLE, bytes_of, fill_weights, outlined, read_weights, write_together
from .general_store import GENERAL_RULES, load_general
from .prior import Prior
from .shipped import bundle_path
from .similarity import ReferenceScores

__all__ = ["load_prior", "save_prior"]

WEIGHTS, DETAIL, RULES = "models/model.pt", "models/detail.pt", "models/prior.json"
FORMAT = 1  # of prior.json: docs/schema/prior.json
WIDEST = 4096  # units or layers


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
    if (folder / GENERAL_RULES).is_file():
        general = load_general(folder)
        assert general is not None
        return replace(Prior.cold(), record={"kind": "general"}, detail=general.detail, general=general)
    weights, rules = folder / WEIGHTS, folder / RULES
    for file in (weights, rules):
        if not file.is_file():
            raise InputError(
                f"there is no {file.relative_to(folder)} in {folder.name}",
                "pass a bundle folder that pretrain wrote",
                file,
            )
    state = read_weights(weights)
    try:
        record = json.loads(rules.read_text(encoding="utf-8"))
        network, plane, percentile, half = _understood(record, state)
        has_detail = bool(record.get("detail"))
    except UNREADABLE as error:
        raise _unreadable(rules, error) from error
    of_detail = read_weights(folder / DETAIL) if has_detail else {}
    try:
        detail = _detail(record["detail"], of_detail) if has_detail else None
        typical = ReferenceScores.from_record(record["typical"]) if record.get("typical") else None
    except UNREADABLE as error:
        raise _unreadable(rules, error) from error
    digest = fill_weights(network, state, weights, record.get("sha256"))
    if detail is not None:
        fill_weights(detail, of_detail, folder / DETAIL, record["detail"].get("sha256"))
        detail.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Prior(network.eval(), plane, percentile, half, digest, record, detail, typical, load_general())


def _unreadable(rules: Path, error: Exception) -> InputError:
    finding = f"the rules of the prior cannot be read ({type(error).__name__})"
    return InputError(finding, "take the bundle from its source again", rules)


def _understood(
    record: dict[str, Any], state: dict[str, Tensor]
) -> tuple[Siren, Plane, float, tuple[float, float, float]]:
    """Network, plane, percentile and head size that the rules name; any error says that they are none."""
    if record["network"]["hidden_channels"] > WIDEST or record["network"]["num_layers"] > WIDEST:
        raise ValueError("no prior is as wide as that")
    plane, percentile = record["plane"], float(record["percentile"])
    x, y, z = (float(value) for value in record["half_mm"])
    if plane not in NORMAL or not 0 < percentile <= 100 or not 0 < min(x, y, z) < 1e4:
        raise ValueError("the rules hold impossible values")
    return outlined(Siren, record["network"], state), plane, percentile, (x, y, z)


def _detail(record: dict[str, Any], state: dict[str, Tensor]) -> DetailPrior:
    sizes = record["network"]
    if max(*sizes["channels"], sizes["blocks"], sizes["features"], sizes["slices"]) > WIDEST:
        raise ValueError("no detail prior is as wide as that")
    return outlined(DetailPrior, sizes, state)


def save_prior(prior: Prior, folder: str | os.PathLike[str], record: dict[str, Any] | None = None) -> Prior:
    """Write a prior into a bundle folder: weights first, then the rules with their hashes; all or, on an error, none.

    Args:
        prior: to write.
        folder: of the bundle; made if missing.
        record: what ``prior.json`` says besides; by default the prior's own record.

    Returns:
        the prior as it now lies there.
    """
    folder = Path(folder)
    (folder / "models").mkdir(parents=True, exist_ok=True)
    weights, rules = folder / WEIGHTS, folder / RULES
    packed = {weights: bytes_of(prior.network)}
    content = {
        **(record if record is not None else prior.record),
        "format": FORMAT,
        "made_by": f"monai_strainer {__version__}",
        "network": sizes_of(prior.network),
        "plane": prior.plane,
        "percentile": prior.percentile,
        "half_mm": list(prior.half_mm),
        "sha256": hashlib.sha256(packed[weights]).hexdigest(),
    }
    if prior.typical is not None:
        content["typical"] = prior.typical.as_record()
    if prior.detail is not None:
        detail = packed[folder / DETAIL] = bytes_of(prior.detail)
        kept = content.get("detail") or {}
        content["detail"] = {
            **kept,
            "network": sizes_of_detail(prior.detail),
            "sha256": hashlib.sha256(detail).hexdigest(),
        }
    else:
        content.pop("detail", None)
    write_together({**packed, rules: json_text(content).encode()})
    return load_prior(folder)
