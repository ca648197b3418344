# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read BIDS file names: their entities and suffix, which images they mean, and what derivatives are called."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError

__all__ = ["SUFFIXES", "Filters", "Name", "is_mask_name", "name_of", "named", "passes", "read_filters", "why_not"]

SUFFIXES = ("T1w", "T2w", "PDw", "FLAIR")  # contrasts of whole heads
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
PARTS = {"phase": "a phase", "real": "a real", "imag": "an imaginary", "imaginary": "an imaginary"}
Filters = Mapping[str, Mapping[str, tuple[str | None, ...]]]
LABEL = "[a-zA-Z0-9+]+"
NAME = re.compile(rf"^(sub-{LABEL}(?:_[a-zA-Z]+-{LABEL})*)_([a-zA-Z0-9]+)\.nii(\.gz)?$")
MASKS = {"label", "labels", "labelmap", "lesion", "lesions", "roi", "rois", "aparc", "probseg", "segmentation", "gt"}


class Name(NamedTuple):
    """A BIDS file name: ``sub-01_run-1_T1w.nii.gz`` has the entities ``sub`` and ``run`` and the suffix ``T1w``.

    Args:
        entities: values by key.
        suffix: of the contrast or kind of image.
        stem: all before the suffix.
    """

    entities: dict[str, str]
    suffix: str
    stem: str  # all before the suffix


def name_of(name: str) -> Name | None:
    """Return the parts of a NIfTI file's name, or None where it does not follow BIDS.

    Example:
        >>> name_of("sub-02+ctl_run-1_T1w.nii.gz").entities
        {'sub': '02+ctl', 'run': '1'}
        >>> name_of("brain.nii.gz") is None
        True
    """
    found = NAME.match(name)
    if found is None:
        return None
    pairs = (part.split("-", 1) for part in found[1].split("_"))
    return Name({key: value for key, value in pairs}, found[2], found[1])


def is_mask_name(name: str) -> bool:
    """Return whether a file is a mask, a segmentation or another label map by the words in its name.

    Example:
        >>> is_mask_name("sub-01_T1w_defacemask.nii.gz"), is_mask_name("brain_seg2.nii"), is_mask_name("T1_masked.nii")
        (True, True, False)
    """
    bare = re.sub(r"\.nii(\.gz)?$", "", name.lower())
    words = [word.rstrip("0123456789") for part in bare.split("_") if "-" not in part for word in re.split(r"\W", part)]
    if name_of(name) is None:  # then a dash is no sign of an entity
        words += [word.rstrip("0123456789") for word in re.split(r"[\W_]", bare)]
    return any(word in MASKS or word.endswith(("mask", "masks", "seg")) for word in words)


def why_not(name: str) -> str | None:
    """Why an image of an ``anat`` folder is passed over, by its name; None for a magnitude image of a whole head."""
    found = name_of(name)
    if is_mask_name(name):
        return "a mask or a label map, by its name"
    if found is None:
        return "the name does not follow BIDS: sub-<label>[_<entity>-<label>]_<suffix>.nii.gz"
    if part := PARTS.get(found.entities.get("part", "").lower()):
        return f"{part} image (part-{found.entities['part']}); only magnitudes are restored"
    if found.suffix not in SUFFIXES:
        return f"the suffix {found.suffix} is none of {', '.join(SUFFIXES)}"
    return None


def named(name: str, scale: Sequence[float], voxels: Sequence[float] | None = None) -> str:
    """Return the derivative's name for a raw one: ``res-`` where the grid is finer, then ``desc-``.

    Args:
        name: of the raw image.
        scale: of the restoration.
        voxels: size in mm of the voxels that are made, where the size was asked for and not the scale.

    Example:
        >>> named("sub-01_ses-1_run-1_T1w.nii.gz", (2.0,))
        'sub-01_ses-1_run-1_res-x2_desc-strainer_T1w.nii.gz'
        >>> named("sub-01_T1w.nii.gz", (1.0,))
        'sub-01_desc-strainerdenoised_T1w.nii.gz'
        >>> named("sub-01_T1w.nii.gz", (2.0,), voxels=(0.5, 0.5, 1.0))
        'sub-01_res-0p5x0p5x1mm_desc-strainer_T1w.nii.gz'
    """
    found = name_of(name)
    if found is None:
        raise InputError("the name does not follow BIDS", "rename it sub-<label>[_...]_T1w.nii.gz", name)
    if max(scale) <= 1:
        return f"{found.stem}_desc-strainerdenoised_{found.suffix}.nii.gz"
    if voxels is None:
        label = "x" + "x".join(f"{factor:g}" for factor in (scale if len(set(scale)) > 1 else scale[:1]))
    else:
        label = "x".join(f"{edge:.4g}" for edge in voxels) + "mm"
    return f"{found.stem}_res-{label.replace('.', 'p')}_desc-strainer_{found.suffix}.nii.gz"


def read_filters(path: Path) -> Filters:
    """Read a filter file: which values entities must have, per contrast.

    ``{"t1w": {"acquisition": ["mprage", null], "run": 1}}`` takes T1-weighted scans of the first run whose acquisition
    is mprage or absent. Scans of contrasts that the file does not name are all taken; what it says of others (bold,
    for the file may be meant for other apps too) is passed over.

    Raises:
        InputError: no JSON of this kind, or an entity that file names do not have.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        chosen = {suffix: dict(content[key]) for key in content for suffix in SUFFIXES if key.lower() == suffix.lower()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        example = 'write {"t1w": {"acquisition": "mprage"}}'
        raise InputError("this is no filter file", example, path) from error
    for filters in chosen.values():
        filters.pop("datatype", None)  # scans are looked for in anat anyway
        filters.pop("suffix", None)
        if unknown := sorted(filters.keys() - ENTITIES.keys()):
            raise InputError(f"the filter {', '.join(unknown)} is not known", f"use {', '.join(ENTITIES)}", path)
    return {
        suffix: {
            ENTITIES[name]: tuple(None if one is None else str(one) for one in (v if isinstance(v, list) else [v]))
            for name, v in filters.items()
        }
        for suffix, filters in chosen.items()
    }


def passes(entities: Mapping[str, str], filters: Mapping[str, tuple[str | None, ...]]) -> bool:
    """Return whether the entities of a name satisfy filters; numbers are compared as numbers.

    Args:
        entities: of the name, by their keys, such as ``{"run": "01"}``.
        filters: accepted values of an entity; None among them accepts names without it.
    """

    def same(value: str | None, wanted: str | None) -> bool:
        if value is None or wanted is None:
            return value is wanted
        return value == wanted or (value.isdigit() and wanted.isdigit() and int(value) == int(wanted))

    return all(any(same(entities.get(name), one) for one in wanted) for name, wanted in filters.items())
