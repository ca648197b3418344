# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Load and save the general prior: a detail network for any scan, and networks that read how a scan was measured.

It was trained on permissively licensed scans of many contrasts and body parts, so anyone may use its weights. Every
prior of a cohort is used beside it: the one with the lower estimated risk restores.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

import torch

from ..errors import InputError
from ..networks import DetailPrior, sizes_of_detail
from ..networks.noise_level import NoiseLevelNet, sizes_of_noise_level
from ..networks.truncation import TruncationNet, sizes_of_truncation
from ..storage.atomic import json_text
from ..storage.weights import UNREADABLE, bytes_of, fill_weights, outlined, read_weights, write_together
from .prior import GeneralPrior
from .shipped import bundle_path

__all__ = ["GENERAL_RULES", "load_general", "save_general"]

DETAIL, NOISE, TRUNCATION = "models/model.pt", "models/noise_level.pt", "models/truncation.pt"
GENERAL_RULES = "models/general.json"
_OLDER = "models/detail.pt"  # of the detail network in bundles of version 0.2
_WIDEST = 4096


def load_general(folder: str | os.PathLike[str] | None = None) -> GeneralPrior | None:
    """Load the general prior in a bundle folder; by default the one that comes with the package.

    Returns:
        None where the package comes without one.

    Raises:
        InputError: the folder holds none, or its files do not fit together.
    """
    if folder is None:
        try:
            folder = bundle_path("general_strainer")
        except InputError:
            return None
    folder = Path(folder)
    rules = folder / GENERAL_RULES
    stamp = rules.stat().st_mtime_ns if rules.exists() else 0
    return _loaded(folder.resolve(), stamp)


@lru_cache(maxsize=4)
def _loaded(folder: Path, stamp: int) -> GeneralPrior:
    rules = folder / GENERAL_RULES
    remedy = "use a bundle made by monai-strainer pretrain-general"
    if not rules.is_file():
        raise InputError("there is no general prior", remedy, rules)
    file = folder / DETAIL if (folder / DETAIL).exists() else folder / _OLDER
    of_detail, of_noise = read_weights(file), read_weights(folder / NOISE)
    truncation = None
    try:
        record = json.loads(rules.read_text(encoding="utf-8"))
        sizes, noise = dict(record["detail"]["network"]), dict(record["noise_level"]["network"])
        entry = record.get("truncation")  # bundles of version 0.2.0 and before have none
        of_truncation = {} if entry is None else dict(entry["network"])
        widths = [*sizes["channels"], sizes["blocks"], sizes["slices"], *noise.values(), *of_truncation.values()]
        if max(widths) > _WIDEST:
            raise ValueError("no network is as wide as that")
        detail, level = outlined(DetailPrior, sizes, of_detail), outlined(NoiseLevelNet, noise, of_noise)
        listed = {"detail": str(record["detail"]["sha256"]), "noise_level": str(record["noise_level"]["sha256"])}
        if entry is not None:
            listed["truncation"] = str(entry["sha256"])
            truncation_weights = read_weights(folder / TRUNCATION)
            truncation = outlined(TruncationNet, of_truncation, truncation_weights)
    except UNREADABLE as error:
        raise InputError("the rules of the general prior cannot be read", remedy, rules) from error
    fill_weights(detail, of_detail, file, listed["detail"])
    fill_weights(level, of_noise, folder / NOISE, listed["noise_level"])
    if truncation is not None:
        fill_weights(truncation, truncation_weights, folder / TRUNCATION, listed["truncation"])
    detail.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return GeneralPrior(detail, level, record["detail"]["sha256"], record, truncation)


def save_general(prior: GeneralPrior, folder: str | os.PathLike[str]) -> GeneralPrior:
    """Write a general prior into a bundle folder: all files or, on an error, none.

    Args:
        prior: to write.
        folder: of the bundle; made if missing.

    Returns:
        the prior as it now lies there.
    """
    folder = Path(folder)
    (folder / "models").mkdir(parents=True, exist_ok=True)
    packed = {folder / DETAIL: bytes_of(prior.detail), folder / NOISE: bytes_of(prior.noise_level)}
    kept = dict(prior.record)
    entries = [
        ("detail", DETAIL, sizes_of_detail(prior.detail)),
        ("noise_level", NOISE, sizes_of_noise_level(prior.noise_level)),
    ]
    if prior.truncation is None:
        kept.pop("truncation", None)
    else:
        packed[folder / TRUNCATION] = bytes_of(prior.truncation)
        entries.append(("truncation", TRUNCATION, sizes_of_truncation(prior.truncation)))
    for entry, name, sizes in entries:
        kept[entry] = {
            **kept.get(entry, {}),
            "network": sizes,
            "sha256": hashlib.sha256(packed[folder / name]).hexdigest(),
        }
    rules = json_text({"format": 1, "kind": "general", **kept})
    is_new = not (folder / GENERAL_RULES).exists()
    write_together({**packed, folder / GENERAL_RULES: rules.encode()})
    if not is_new:
        (folder / _OLDER).unlink(missing_ok=True)
    loaded = load_general(folder)
    assert loaded is not None
    return loaded
