# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""BIDS: which scans a raw dataset holds, and how derivatives of them are named and described."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ._version import __version__
from .batch import Job
from .errors import InputError
from .io import atomic, write_json
from .io.atomic import stem

__all__ = ["SUFFIXES", "Filters", "describe", "jobs_in", "named", "read_filters"]

SUFFIXES = ("T1w", "T2w", "PDw", "FLAIR")  # contrasts of whole heads
# required facts of a raw sidecar that stay true of a derivative on another grid
KEPT = ("MagneticFieldStrength", "Manufacturer", "ManufacturersModelName", "EchoTime", "RepetitionTime", "FlipAngle")
ENTITIES = {  # as filter files call them, and as file names do
    "subject": "sub",
    "session": "ses",
    "acquisition": "acq",
    "ceagent": "ce",
    "reconstruction": "rec",
    "run": "run",
    "echo": "echo",
    "inversion": "inv",
    "part": "part",
}
Filters = Mapping[str, Mapping[str, tuple[str | None, ...]]]
NAME = re.compile(r"^(sub-[a-zA-Z0-9]+(?:_[a-z]+-[a-zA-Z0-9]+)*)_([a-zA-Z0-9]+)\.nii(\.gz)?$")


def named(name: str, scale: Sequence[float]) -> str:
    """The derivative's name for a raw one: ``res-`` where the grid is finer, then ``desc-``.

    Example:
        >>> named("sub-01_ses-1_run-1_T1w.nii.gz", (2.0,))
        'sub-01_ses-1_run-1_res-x2_desc-strainer_T1w.nii.gz'
        >>> named("sub-01_T1w.nii.gz", (1.0,))
        'sub-01_desc-strainerdenoised_T1w.nii.gz'
    """
    found = NAME.match(name)
    if found is None:
        raise InputError("the name does not follow BIDS", "rename it sub-<label>[_...]_T1w.nii.gz", name)
    if max(scale) <= 1:
        return f"{found[1]}_desc-strainerdenoised_{found[2]}.nii.gz"
    factors = "x".join(f"{factor:g}".replace(".", "p") for factor in (scale if len(set(scale)) > 1 else scale[:1]))
    return f"{found[1]}_res-x{factors}_desc-strainer_{found[2]}.nii.gz"


def jobs_in(
    dataset: Path,
    output: Path,
    scale: Sequence[float],
    participants: Iterable[str] = (),
    sessions: Iterable[str] = (),
    filters: Filters | None = None,
) -> list[Job]:
    """The structural scans of a raw dataset and their derivatives.

    Args:
        dataset: raw BIDS folder.
        output: of the derivatives.
        scale: of the restoration.
        participants: labels, with ``sub-`` or without; all by default.
        sessions: labels, with ``ses-`` or without; all by default.
        filters: what else must be true of names, as :func:`read_filters` gives it.

    Raises:
        InputError: no dataset, an unknown participant, or no scan.
    """
    if not (dataset / "dataset_description.json").is_file():
        raise InputError("this is no BIDS dataset: dataset_description.json is missing", "check the folder", dataset)
    wanted = {label.removeprefix("sub-") for label in participants}
    there = {folder.name.removeprefix("sub-"): folder for folder in sorted(dataset.glob("sub-*")) if folder.is_dir()}
    if missing := sorted(wanted - there.keys()):
        raise InputError(f"there is no participant {', '.join(missing)}", "check --participant-label")
    only = {label.removeprefix("ses-") for label in sessions}
    jobs = []
    for label, folder in there.items():
        if wanted and label not in wanted:
            continue
        for path in sorted([*folder.glob("anat/*.nii*"), *folder.glob("ses-*/anat/*.nii*")]):
            found, parts = NAME.match(path.name), path.relative_to(dataset).parts
            session = parts[1].removeprefix("ses-") if len(parts) == 4 else None
            if found is None or found[2] not in SUFFIXES or (only and session not in only):
                continue
            if filters and not _passes(found[1], filters.get(found[2], {})):
                continue
            inner = path.relative_to(dataset)
            target = output / inner.with_name(named(path.name, scale))
            jobs.append(Job(inner.as_posix(), path, target, _sidecar(path, inner.as_posix(), scale)))
    if not jobs:
        raise InputError(
            f"no {', '.join(SUFFIXES)} image was found in anat folders", "check the labels and filters", dataset
        )
    return jobs


def read_filters(path: Path) -> Filters:
    """A filter file: which values entities must have, per contrast.

    ``{"t1w": {"acquisition": ["mprage", null], "run": 1}}`` takes T1-weighted scans of the first run whose acquisition
    is mprage or not told. Scans of contrasts that the file does not name are all taken; what it says of others (bold,
    for the file may be meant for other apps too) is passed over.

    Raises:
        InputError: no JSON of this kind, or an entity that file names do not have.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        chosen = {suffix: dict(told[key]) for key in told for suffix in SUFFIXES if key.lower() == suffix.lower()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        example = 'write {"t1w": {"acquisition": "mprage"}}'
        raise InputError("this is no filter file", example, path) from error
    for filters in chosen.values():
        filters.pop("datatype", None)  # scans are looked for in anat anyway
        filters.pop("suffix", None)
        if unknown := sorted(filters.keys() - ENTITIES.keys()):
            raise InputError(f"the filter {', '.join(unknown)} is none", f"use {', '.join(ENTITIES)}", path)
    return {
        suffix: {
            ENTITIES[name]: tuple(None if one is None else str(one) for one in (v if isinstance(v, list) else [v]))
            for name, v in filters.items()
        }
        for suffix, filters in chosen.items()
    }


def _passes(entities: str, filters: Mapping[str, tuple[str | None, ...]]) -> bool:
    """Whether ``sub-01_run-02`` has what is wanted; numbers are compared as numbers."""
    there = dict(part.split("-", 1) for part in entities.split("_"))

    def same(value: str | None, wanted: str | None) -> bool:
        if value is None or wanted is None:
            return value is wanted
        return value == wanted or (value.isdigit() and wanted.isdigit() and int(value) == int(wanted))

    return all(any(same(there.get(name), one) for one in wanted) for name, wanted in filters.items())


def _sidecar(path: Path, inner: str, scale: Sequence[float]) -> dict[str, Any]:
    """What the JSON file of a derivative must say, besides the record."""
    raw: dict[str, Any] = {}
    source = path.with_name(f"{stem(path)}.json")
    if source.is_file():
        try:
            raw = json.loads(source.read_text(encoding="utf-8"))
        except ValueError:
            raw = {}  # the validator of raw data complains about it; we need nothing of it
    uri = f"bids:raw:{inner}"
    told: dict[str, Any] = {key: raw[key] for key in KEPT if key in raw}
    told |= {
        "Description": "Restored by monai_strainer; research use only",
        "Sources": [uri],
        "SpatialReference": uri,
        "SkullStripped": bool(raw.get("SkullStripped", False)),
    }
    if max(scale) > 1:
        told["Resolution"] = f"voxels finer than the source by {' x '.join(f'{factor:g}' for factor in scale)}"
    return told


def describe(output: Path, dataset: Path) -> None:
    """Write what makes a folder a BIDS derivative: its description, what ``desc-`` means, what validators ignore."""
    output.mkdir(parents=True, exist_ok=True)
    try:
        raw: Mapping[str, Any] = json.loads((dataset / "dataset_description.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("dataset_description.json cannot be read", "repair it", dataset) from error
    description = {
        "Name": "monai_strainer",
        "BIDSVersion": "1.9.0",
        "DatasetType": "derivative",
        "License": str(raw.get("License", "")) or "see the source dataset",
        "GeneratedBy": [{"Name": "monai_strainer", "Version": __version__}],
        "SourceDatasets": [{"URL": "bids:raw:"}],
        "DatasetLinks": {"raw": Path(os.path.relpath(dataset, output)).as_posix()},
    }
    write_json(output / "dataset_description.json", description)
    rows = [("desc_id", "description"), *_DESCRIPTIONS.items()]
    texts = {
        "descriptions.tsv": "\n".join("\t".join(row) for row in rows) + "\n",
        ".bidsignore": "*.html\nsummary*.tsv\nprior/\n.*.started\n",
        "README": "Scans restored by monai_strainer. Research use only; not for diagnosis.\n",
    }
    for name, text in texts.items():
        with atomic(output / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


_DESCRIPTIONS = {
    "desc-strainer": "super-resolved by a prior learned from a cohort",
    "desc-strainerdenoised": "denoised by a prior learned from a cohort",
    "desc-strainerstd": "standard deviation of every voxel of a restored scan",
}
