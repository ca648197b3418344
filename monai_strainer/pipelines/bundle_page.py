# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write the page, the terms and the metadata of a bundle: what all bundles say, and what that of a cohort says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .._version import __version__
from ..priors.prior import Prior

__all__ = ["Page", "bundle_name", "data_license", "metadata", "metrics_table", "readme", "terms"]

_PAGE = """# Model Overview

{overview}

{weights}

{origin}

# Data

{data}

# Training configuration

{command}

# Input

One channel: a magnitude scan, NIfTI or a DICOM series, any orientation, spacing and intensity unit.

# Output

Two channels: the restored scan, and the standard deviation of every voxel, both float32 in the units of the input.

# Performance

{performance}

# MONAI Bundle Commands

Restore every scan of a folder (`--scale_factor 1` denoises):

```
python -m monai.bundle run --config_file configs/inference.json --bundle_root . --workflow_type inference \\
    --dataset_dir DATASET --output_dir OUT --scale_factor 2
```

The same without MONAI's command line:

```
monai-strainer restore scan.nii.gz restored.nii.gz --prior .
```

# Limitations

Research use only; not a medical device and not for diagnosis. {limits}

# References

{references}

# License

Apache License, Version 2.0, for configuration. The weights carry the terms of the data: see `docs/data_license.txt`.
"""

_OVERVIEW = """\
A prior for MRI scans like those of one cohort{contrast}. It denoises and super-resolves scans, and gives a standard
deviation for every voxel. It needs the Python package `monai_strainer`."""

_WEIGHTS = """\
- `models/detail.pt`: the detail network, which the default method uses.
- `models/model.pt`: the coordinate network (STRAINER, arXiv 2409.09566).
- `models/prior.json`: intensity rule, sizes, hashes, and how both were made."""

_DATA = """\
{scans} scans of the owner of this bundle; see `data_license.txt`. {held}The hashes of the files are in
`models/prior.json`."""

_LIMITS = """\
Scans unlike the cohort are restored by the general prior
of the package; the record beside every output says which prior was used. Details smaller than a measured voxel are
predicted, not measured: use the standard deviation."""

_PAPER = "Learning Transferable Features for Implicit Neural Representations"
_REFERENCE = f"[1] Vyas et al., {_PAPER}, NeurIPS 2024, arXiv:2409.09566."

_TERMS = """The weights in models/ were trained on {learned} of the owner of this bundle.

Write the terms of these {these} here before you pass the bundle on. Weights may reveal who took part:
docs/concepts/uncertainty_and_limits.md of monai_strainer says what is known of that.
"""

_TASKS = {"noise_3_percent": "3 % Rician noise", "in_plane_2x": "in-plane voxels twice as large, 0.3 % noise"}


@dataclass(frozen=True)
class Page:
    """What the page of one kind of bundle says; the rest is the same for all.

    Args:
        overview: what the prior is for.
        weights: list of the files in ``models/``.
        origin: where the training started.
        data: what it learned from.
        command: that made it, or None where it is not known.
        limits: of its use.
        references: numbered.
    """

    overview: str
    weights: str
    origin: str
    data: str
    command: str | None
    limits: str
    references: str

    def text(self, metrics: Mapping[str, float]) -> str:
        """Return the page.

        Args:
            metrics: of :func:`monai_strainer.pipelines.bundle_metrics.measured`.
        """
        made = f"Made by monai_strainer {__version__}"
        parts = {one.name: getattr(self, one.name) for one in fields(self)}
        parts["command"] = f"{made}." if self.command is None else f"{made}:\n\n```\n{self.command}\n```"
        return _PAGE.format(**parts, performance=metrics_table(metrics))


def readme(prior: Prior, metrics: Mapping[str, float]) -> str:
    """Return the page of a bundle.

    Args:
        prior: with its record.
        metrics: of :func:`monai_strainer.pipelines.bundle_metrics.measured`.
    """
    record = prior.record
    start, gain, detail = record.get("from"), record.get("gain"), record.get("detail") or {}
    origin = "Both networks were trained on the cohort alone."
    if prior.detail is None:
        origin = "There is no detail network: `restore` uses the coordinate network."
    if start is not None and gain is not None:
        values = gain["detail"]
        said = f"{values['decibels']:.2f} dB (standard error {values['error']:.2f})"
        origin = (
            f"The networks started from a prior of the kind `{start['kind']}` and were trained further. On scans held "
            f"out, the detail network is better than its start by {said}."
        )
    held = f"{detail['held_out']} of them decided how long to train. " if "held_out" in detail else ""
    contrast = f" ({record['contrast']})" if record.get("contrast") else ""
    data = _DATA.format(scans=record.get("scans", 0), held=held)
    page = Page(_OVERVIEW.format(contrast=contrast), _WEIGHTS, origin, data, record.get("command"), _LIMITS, _REFERENCE)
    return page.text(metrics)


def bundle_name(folder: str) -> str:
    """Return the name of a bundle in a folder: letters, digits and low lines.

    Example:
        >>> bundle_name("ten heads")
        'ten_heads'
    """
    return re.sub(r"\W+", "_", folder) or "prior"


def metrics_table(metrics: Mapping[str, float]) -> str:
    """Return the table of the metrics, or why there is none.

    Args:
        metrics: of :func:`monai_strainer.pipelines.bundle_metrics.measured`.
    """
    if not metrics:
        return "Not measured: no scan was kept from training, or there is no detail network."
    lines = [
        "Mean PSNR in dB of the detail network alone over patches of scans that did not train; 1 is the 99.5th",
        "percentile of the foreground.",
        "",
        "| task | measured | restored |",
        "| --- | ---: | ---: |",
    ]
    for name, words in _TASKS.items():
        before, after = (metrics[f"psnr_{name}_{what}"] for what in ("measured", "restored"))
        lines.append(f"| {words} | {before:.2f} | {after:.2f} |")
    return "\n".join(lines)


def data_license(prior: Prior, of_start: str) -> str:
    """Return the licence text of the data that a prior was trained on.

    Args:
        prior: of a cohort; its record has the number of scans.
        of_start: text of the bundle that the training started from; empty where there is none.
    """
    return terms(f"{prior.record.get('scans', 0)} scans", "scans", of_start)


def terms(learned: str, these: str, of_start: str) -> str:
    """Return what an owner has to write about the data, and the terms of the bundle that the training started from.

    Args:
        learned: what the weights were trained on.
        these: the same in one word.
        of_start: terms of the start; empty where there was none.
    """
    text = _TERMS.format(learned=learned, these=these)
    return f"{text}\nThe training started from other weights, whose terms hold too:\n\n{of_start}" if of_start else text


def metadata(template: Mapping[str, Any], name: str, prior: Prior, metrics: Mapping[str, float]) -> dict[str, Any]:
    """Return the metadata of a bundle.

    Args:
        template: of the bundle that comes with the package: versions and formats.
        name: of the new bundle's folder.
        prior: with its record.
        metrics: as for :func:`readme`.
    """
    record = prior.record
    contrast = record.get("contrast") or "magnitude"
    own = {
        "version": "0.1.0",
        "changelog": {"0.1.0": f"made by monai_strainer {__version__}"},
        "name": bundle_name(name),
        "description": f"A prior for MRI scans like those of one cohort of {record.get('scans', 0)} scans. "
        "Needs the package monai_strainer.",
        "authors": "the owner of the cohort",
        "copyright": "the owner of the cohort",
        "data_source": "scans of the owner of the bundle",
        "image_classes": f"{contrast} image",
        "eval_metrics": dict(metrics),
    }
    kept = {key: value for key, value in template.items() if key != "detail_data_format" or prior.detail is not None}
    return {**kept, **own}
