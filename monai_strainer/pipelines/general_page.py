# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write the page, the terms and the metadata of a bundle that holds a general prior of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._version import __version__
from ..priors.prior import GeneralPrior
from .bundle_page import Page, bundle_name, terms

__all__ = ["general_license", "general_metadata", "general_readme"]

_OVERVIEW = """\
A general prior for MRI scans of any contrast and body part, trained on the scans of one owner. It denoises and
super-resolves scans, and gives a standard deviation for every voxel. It needs the Python package `monai_strainer`."""

_WEIGHTS = """\
- `models/model.pt`: the detail network; it is equivariant to intensity units.
- `models/noise_level.pt`: the network that estimates the noise level.
- `models/truncation.pt`: the network that tells truncated k-space from area averages, if the scans were large enough.
- `models/general.json`: recipes, sizes, hashes, and the command that made them."""

_LIMITS = """\
Details smaller than a measured voxel are predicted, not
measured: use the standard deviation."""

_REFERENCES = """\
[1] Mohan et al., Robust and interpretable blind image denoising via bias-free CNNs, ICLR 2020.

[2] Herbreteau et al., Normalization-equivariant neural networks, NeurIPS 2023."""


def general_readme(prior: GeneralPrior, metrics: Mapping[str, float]) -> str:
    """Return the page of a bundle.

    Args:
        prior: with its record.
        metrics: of :func:`monai_strainer.pipelines.bundle_metrics.measured`.
    """
    origin = "The networks were trained on these data alone."
    if "from" in prior.record["detail"]:
        origin = "The networks started from another general prior; `models/general.json` has its hash and its command."
    data = f"{_sources(prior)}; see `data_license.txt`. The hash of all of them is in `models/general.json`."
    page = Page(_OVERVIEW, _WEIGHTS, origin, data, prior.record["command"], _LIMITS, _REFERENCES)
    return page.text(metrics)


def general_license(prior: GeneralPrior, of_start: str) -> str:
    """Return the licence text of the data that a general prior was trained on.

    Args:
        prior: its record names the kinds and numbers of its sources.
        of_start: text of the bundle that the training started from; empty where there is none.
    """
    return terms(_sources(prior), "data", of_start)


def general_metadata(
    template: Mapping[str, Any], name: str, prior: GeneralPrior, metrics: Mapping[str, float]
) -> dict[str, Any]:
    """Return the metadata of a bundle.

    Args:
        template: of the general bundle that comes with the package: versions and formats.
        name: of the new bundle's folder.
        prior: with its record.
        metrics: as for :func:`general_readme`.
    """
    own = {
        "version": "0.1.0",
        "changelog": {"0.1.0": f"made by monai_strainer {__version__}"},
        "name": bundle_name(name),
        "description": f"A general prior for MRI scans, from {_sources(prior)}. Needs the package monai_strainer.",
        "authors": "the owner of the data",
        "copyright": "the owner of the data",
        "data_source": "data of the owner of the bundle",
        "eval_metrics": dict(metrics),
    }
    return {**template, **own}


def _sources(prior: GeneralPrior) -> str:
    """Return what the prior learned from, in words."""
    words = {"scan": "scans", "labels": "label maps", "photograph": "photographs"}
    counts = prior.record["sources"]
    return ", ".join(f"{counts[kind]} {word}" for kind, word in words.items() if counts.get(kind))
