# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore MRI scans with priors that many scans share (STRAINER): denoising and super-resolution.

    >>> from monai_strainer import load_prior, read, restore, write
    >>> scan = read("sub-01_T1w.nii.gz")  # doctest: +SKIP
    >>> out = restore(scan, load_prior(), scale=2)  # doctest: +SKIP
    >>> write(out.volume, "sub-01_res-x2_desc-strainer_T1w.nii.gz", report=out.report)  # doctest: +SKIP

Names are fetched when they are first used, so importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ._moved import install
from ._version import __version__

_HOME = {
    "InputError": "errors",
    "Grid": "geometry",
    "Volume": "volume",
    "read": "io",
    "write": "io",
    "Siren": "networks",
    "StrainerNet": "networks",
    "Identity": "physics",
    "Downsample": "physics",
    "SliceProfile": "physics",
    "KSpaceCrop": "physics",
    "KSpaceLines": "physics",
    "Blur": "physics",
    "Mask": "physics",
    "Profile": "physics",
    "GaussianNoise": "physics",
    "RicianNoise": "physics",
    "pretrain": "pretraining.encoder",
    "Recipe": "pretraining.encoder",
    "read_cohort": "cohorts.read",
    "Prior": "priors.prior",
    "load_prior": "priors.store",
    "save_prior": "priors.store",
    "restore": "fusing.door",
    "Restored": "restoring.restore",
    "RestoreOptions": "restoring.options",
    "Plan": "restoring.plan",
    "plan": "restoring.restore",
    "fuse": "fusing.fuse",
    "Fused": "fusing.fuse",
    "FuseOptions": "fusing.options",
    "restore_with": "fusing.contrasts",
    "PriorRecipe": "pipelines.prior_recipe",
    "pretrain_prior": "pipelines.pretrain_prior",
    "StrainerInferer": "inferers",
}

__all__ = ["__version__", *_HOME]

install()


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
