# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the scans of a raw BIDS dataset, say which are passed over and why, and describe their derivatives."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .._version import __version__
from ..errors import InputError
from ..io import Passed, files_below, is_nifti
from ..io.bids.names import SUFFIXES, Filters, name_of, named, passes, read_filters, why_not
from ..io.bids.sidecars import Metadata, derived, metadata_of, part_in, read_object
from ..io.nifti.outline import outline_of
from ..storage.atomic import atomic, write_json
from .batch import Job
from .file_options import scale_of

__all__ = ["SUFFIXES", "Filters", "Size", "Wanted", "describe", "find_jobs", "named", "read_filters"]

NOT_RAW = ("derivatives", "sourcedata", "code", "stimuli")  # folders of a dataset that hold no raw images


@dataclass(frozen=True)
class Wanted:
    """Which scans of a dataset are meant.

    Args:
        participants: labels, with ``sub-`` or without; all by default.
        sessions: labels, with ``ses-`` or without; all by default.
        filters: what else must be true of names, as :func:`read_filters` gives it.
        contrast: the one suffix that counts; all of ``SUFFIXES`` by default.
    """

    participants: Iterable[str] = ()
    sessions: Iterable[str] = ()
    filters: Filters | None = None
    contrast: str | None = None


@dataclass(frozen=True)
class Size:
    """How fine the derivatives become.

    Args:
        scale: factors of the restoration.
        spacing: voxel size in mm that was asked for instead.
        form: which affine of a file counts.
    """

    scale: Sequence[float] = (2.0,)
    spacing: Sequence[float] | None = None
    form: Literal["sform", "qform"] | None = None


def find_jobs(dataset: Path, output: Path, size: Size, wanted: Wanted) -> tuple[list[Job], list[Passed]]:
    """Find the structural scans of a raw dataset and their derivatives, and the images passed over, with reasons.

    Every image of the participants and sessions that are meant is in one of the two lists.

    Args:
        dataset: raw BIDS folder.
        output: of the derivatives.
        size: of the derivatives; their names hold it.
        wanted: which scans are meant.

    Raises:
        InputError: no dataset, an unknown participant, or no scan.
    """
    if not (dataset / "dataset_description.json").is_file():
        raise InputError("this is no BIDS dataset: dataset_description.json is missing", "check the folder", dataset)
    jobs: list[Job] = []
    passed: list[Passed] = []
    taken: dict[Path, str] = {}
    for path in _images(dataset, wanted):
        inner = path.relative_to(dataset).as_posix()
        raw = metadata_of(path, dataset)
        reason = _why_not(path, dataset, wanted)
        if reason is None and (part := part_in(raw.values)):
            reason = f"{part} image, as its sidecar says (ImageType); only magnitudes are restored"
        if reason is None:
            job = _job(path, dataset, output, size, raw)
            if job.target not in taken:
                taken[job.target] = inner
                jobs.append(job)
                continue
            reason = f"its output would be that of {Path(taken[job.target]).name}"
        passed.append(Passed(inner, reason))
    if not jobs:
        finding = f"no {wanted.contrast or ', '.join(SUFFIXES)} image was found in anat folders"
        if passed:
            others = f", and {len(passed) - 1} more" if len(passed) > 1 else ""
            finding += f"; passed over: {Path(passed[0].name).name}: {passed[0].reason}{others}"
        raise InputError(finding, "check the labels and filters", dataset)
    return jobs, passed


def _images(dataset: Path, wanted: Wanted) -> Iterator[Path]:
    """Yield the NIfTI files of the participants and sessions that are meant; all that are raw where none is named."""
    labels = {label.removeprefix("sub-") for label in wanted.participants}
    sessions = {label.removeprefix("ses-") for label in wanted.sessions}
    entries = [entry for entry in sorted(dataset.iterdir()) if not entry.name.startswith(".")]
    there = {entry.name.removeprefix("sub-") for entry in entries if entry.name.startswith("sub-") and entry.is_dir()}
    if missing := sorted(labels - there):
        raise InputError(f"there is no participant {', '.join(missing)}", "check --participant-label")
    for entry in entries:
        is_participant = entry.name.startswith("sub-") and entry.is_dir()
        if entry.name in NOT_RAW or (labels and not (is_participant and entry.name.removeprefix("sub-") in labels)):
            continue
        for path in files_below(entry, follow=True) if entry.is_dir() else [entry]:
            parts = path.relative_to(dataset).parts
            session = parts[1].removeprefix("ses-") if len(parts) > 2 and parts[1].startswith("ses-") else None
            if is_nifti(path) and (not sessions or session in sessions):
                yield path


def _why_not(path: Path, dataset: Path, wanted: Wanted) -> str | None:
    """Why an image is passed over by its folder and name; None for a scan that is meant."""
    parts = path.relative_to(dataset).parts
    if len(parts) == 1 or not parts[0].startswith("sub-"):
        return "not in a folder sub-<label>"
    if parts[1:-1] != ("anat",) and not (len(parts) == 4 and parts[1].startswith("ses-") and parts[2] == "anat"):
        return "not in the anat folder of its participant or session"
    name = name_of(path.name)
    if (reason := why_not(path.name)) or name is None:
        return reason
    for key, what, folder in (
        ("sub", "participant", parts[0]),
        ("ses", "session", parts[1] if len(parts) == 4 else ""),
    ):
        if name.entities.get(key, "") != folder.removeprefix(f"{key}-"):
            return f"the {what} of its name is not that of its folder"
    if wanted.contrast is not None and name.suffix.lower() != wanted.contrast.lower():
        return f"another contrast than {wanted.contrast}"
    if wanted.filters and not passes(name.entities, wanted.filters.get(name.suffix, {})):
        return "the filter file leaves it out"
    return None


def _job(path: Path, dataset: Path, output: Path, size: Size, raw: Metadata) -> Job:
    """Build the job of one image: the name of its output comes from the grid that will be made."""
    inner = path.relative_to(dataset)
    outline = outline_of(path, size.form)
    scale: Sequence[float] = tuple(size.scale)
    voxels: Sequence[float] | None = None
    if outline is not None:
        grid = outline.grid
        factors = scale_of(grid.spacing.tolist(), size.spacing) if size.spacing else scale
        if len(factors) == 1:
            factors = tuple(1.0 if k == outline.slice_axis else factors[0] for k in range(3))
        if len(factors) == 3 and all(0 < factor < 1e6 for factor in factors):  # else the restoration refuses them
            made = [round(n * factor) for n, factor in zip(grid.shape, factors)]
            if tuple(made) == grid.shape:
                scale = (1.0,)
            elif size.spacing:
                scale, voxels = factors, [float(length) / n for length, n in zip(grid.extent, made)]
    elif size.spacing:
        scale, voxels = (2.0,), size.spacing  # the image cannot be read and will say why
    sidecar, wrong = derived(inner.as_posix(), raw)
    target = output / inner.with_name(named(path.name, scale, voxels))
    volumes = 1 if outline is None else outline.volumes
    return Job(inner.as_posix(), path, target, sidecar, (*raw.findings, *wrong), volumes)


def describe(output: Path, dataset: Path) -> list[str]:
    """Write what makes a folder a BIDS derivative: its description, what ``desc-`` means, what validators ignore.

    Args:
        output: folder of the derivative; made if missing.
        dataset: folder of the raw dataset.

    Returns:
        what is wrong with the description of the raw dataset.
    """
    output.mkdir(parents=True, exist_ok=True)
    raw: dict[str, Any] = {}
    findings: list[str] = []
    try:
        raw = read_object(dataset / "dataset_description.json")
    except InputError as error:
        findings.append(str(error))
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
        ".bidsignore": "*.html\nsummary*\nprior/\n.*.started\n",
        "README": "Scans restored by monai_strainer. Research use only; not for diagnosis.\n",
    }
    for name, text in texts.items():
        with atomic(output / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return findings


_DESCRIPTIONS = {
    "desc-strainer": "super-resolved by a prior learned from a cohort",
    "desc-strainerdenoised": "denoised by a prior learned from a cohort",
    "desc-strainerstd": "standard deviation of every voxel of a restored scan",
}
