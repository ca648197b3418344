# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the volumes of the any-scan benchmark, put them into groups, and keep of each the slab that is measured.

A data folder holds `varied/manifest.tsv` with its volumes, `oasis/` in BIDS order and `dicom/structural/`; what is
missing is left out. The choices:

- Groups. `in the cohort`: the OASIS scans. `other body parts`: what is neither a head nor a brain. `whole heads`: a
  head with its skull, in any contrast. `other contrasts`: a brain without skull that is not of OASIS (a neonate, a
  stroke in FLAIR, a tumour after contrast medium).
- Volumes whose comment says "resampled" are smooth without a reason that an operator knows. They are drawn on the
  contact sheet and not scored.
- The slab: the middle 24 slices of the object along the scan's slice axis, fewer where there are fewer; tasks take
  their slices from its middle. The object is `foreground` of the whole volume.
- A zero-filled axis holds nothing on its finest grid, and a super-resolution to that grid would be scored by how well
  it draws nothing. An in-plane axis counts as zero-filled where the manifest's detail is below 0.10, or where the mean
  amplitude of its spectrum falls, within 0.1 cycles per voxel, by a factor of 2 more than the spectrum of anatomy
  (frequency to the power -1.3). The support ends where this excess is greatest. The truth of super-resolution is the
  volume with the k-space of these axes cropped to that support; the truth of denoising is the volume as it is, on its
  own grid.
- In-plane axes are trimmed to a multiple of 6, so that all factors are whole.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from monai_strainer import Grid, Volume, read
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.cohorts.read import split_scans
from monai_strainer.physics import Profile

GROUPS = ("in the cohort", "whole heads", "other contrasts", "other body parts")
DEPTH = 24  # slices of the slab
WHOLE = 6  # in-plane axes are a multiple of this
SOFT = 0.10  # detail below which an axis is taken for zero-filled
CLIFF = 0.3  # fall of the spectrum's log10 amplitude over 0.1 cycles per voxel beyond that of anatomy
DECAY = 1.3  # of the amplitude of anatomy: frequency to this power, and down
SPAN = (0.15, 0.40)  # cycles per voxel within which the end of the support is looked for


@dataclass(frozen=True)
class Entry:
    """One volume of the data folder and what the manifest says of it."""

    name: str
    path: Path
    group: str
    contrast: str
    detail: tuple[float | None, ...] = (None, None, None)
    own_noise: float | None = None  # fraction of the 99th percentile; None where nobody measured it
    is_resampled: bool = False


@dataclass(frozen=True, eq=False)
class Scan:
    """The slab of one volume: as it is, and with in-plane axes that were acquired, for super-resolution."""

    entry: Entry
    volume: Volume
    mask: NDArray[np.bool_]
    sharp: Volume
    sharp_mask: NDArray[np.bool_]
    kept: dict[int, float] = field(default_factory=dict)  # zero-filled axes: the fraction of k-space that was acquired

    @property
    def axis(self) -> int:
        """The slice axis."""
        return self.volume.slice_axis


def group_of(anatomy: str, skull: str) -> str:
    """Return the group of a volume of the manifest."""
    words = anatomy.lower()
    if not any(word in words for word in ("brain", "head")):
        return "other body parts"
    return "whole heads" if skull == "yes" else "other contrasts"


def entries(data: Path, split: str = "val") -> list[Entry]:
    """List the volumes of one split, in the order of the groups.

    Raises:
        SystemExit: the folder holds none.
    """
    found = []
    varied = data if (data / "manifest.tsv").is_file() else data / "varied"
    if (varied / "manifest.tsv").is_file():
        with (varied / "manifest.tsv").open(newline="", encoding="utf-8") as handle:
            rows = [row for row in csv.DictReader(handle, delimiter="\t") if row["split"] == split]
        for row in rows:
            detail = tuple(float(v) if v not in ("-", "") else None for v in row["detail_xyz"].split("/"))
            own = float(row["noise_percent"]) / 100 if row["noise_percent"] not in ("", "n/a") else None
            path, group = varied / f"{row['name']}.nii.gz", group_of(row["anatomy"], row["skull"])
            is_resampled = "resampled" in row["comment"].lower()
            found.append(Entry(row["name"], path, group, row["contrast"], detail, own, is_resampled))
    if split == "val" and (data / "dicom" / "structural").is_dir():
        found.append(Entry("structural", data / "dicom" / "structural", "whole heads", "T1w MPRAGE"))
    if (data / "oasis").is_dir():
        scans = split_scans(data / "oasis")[split == "val"]
        names = [next(part for part in path.parts if part.startswith("sub-")) for path in scans]
        found += [Entry(f"oasis_{name}", path, GROUPS[0], "T1w") for name, path in zip(names, scans)]
    if not found:
        raise SystemExit(f"no volumes of the split {split!r} in {data}")
    return sorted(found, key=lambda entry: GROUPS.index(entry.group))


def part(grid: Grid, cut: Sequence[slice]) -> Grid:
    """Return the grid of a part of an array."""
    affine = grid.affine.copy()
    bounds = [some.indices(n)[:2] for some, n in zip(cut, grid.shape)]
    affine[:3, 3] += affine[:3, :3] @ np.array([start for start, _ in bounds])
    a, b, c = (stop - start for start, stop in bounds)
    return Grid((a, b, c), affine)


def middle(n: int, count: int, centre: float | None = None) -> slice:
    """``count`` of ``n`` places around the middle, or around ``centre``, all within."""
    start = round((n / 2 if centre is None else centre) - count / 2)
    start = min(max(start, 0), n - count)
    return slice(start, start + count)


def spectrum(data: NDArray[np.float32], axis: int, mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], ...]:
    """Cycles per voxel and the log10 mean amplitude along one axis, smoothed over 0.025 cycles."""
    lines = np.moveaxis(np.asarray(data, np.float64), axis, -1).reshape(-1, data.shape[axis])
    lines = lines[np.moveaxis(mask, axis, -1).reshape(lines.shape).any(1)]
    amplitude = np.sqrt(np.square(np.abs(np.fft.rfft(lines - lines.mean(), axis=1))).mean(0))
    width = max(1, round(0.025 * lines.shape[1]))
    padded = np.pad(amplitude, width // 2, mode="edge")
    smooth = np.convolve(padded, np.ones(width) / width, mode="valid")[: len(amplitude)]
    return np.fft.rfftfreq(lines.shape[1]), np.log10(np.maximum(smooth, 1e-12))


def data_fit(data: NDArray[np.float32], axis: int, mask: NDArray[np.bool_], detail: float | None) -> float:
    """Estimate the fraction of an axis' k-space that was acquired: 1 where the axis is not zero-filled."""
    frequency, amplitude = spectrum(data, axis, mask)
    places = np.arange(SPAN[0], SPAN[1], 0.005)
    fall = np.interp(places - 0.05, frequency, amplitude) - np.interp(places + 0.05, frequency, amplitude)
    fall -= DECAY * np.log10((places + 0.05) / (places - 0.05))
    is_zero_filled = fall.max() > CLIFF or (detail is not None and detail < SOFT)
    return min(1.0, 2 * float(places[np.argmax(fall)])) if is_zero_filled else 1.0


@cache
def load(entry: Entry) -> Scan:
    """Load the slab of a volume; it is read once."""
    scan = read(entry.path)
    head, axis = foreground(scan.data), scan.slice_axis
    inside = np.flatnonzero(head.any(axis=tuple(k for k in range(3) if k != axis)))
    n = scan.grid.shape[axis]
    cut = [middle(m, m // WHOLE * WHOLE) for m in scan.grid.shape]
    cut[axis] = middle(n, min(n, DEPTH), (inside[0] + inside[-1] + 1) / 2)
    data, mask = np.maximum(scan.data[tuple(cut)], 0), np.ascontiguousarray(head[tuple(cut)])
    volume = Volume(np.ascontiguousarray(data), part(scan.grid, cut), slice_axis=axis)
    planes = [k for k in range(3) if k != axis]
    kept = {k: data_fit(volume.data, k, mask, entry.detail[k]) for k in planes}
    kept = {k: fraction for k, fraction in kept.items() if fraction < 1}
    if not kept:
        return Scan(entry, volume, mask, volume, mask)
    lengths = [round(m * kept.get(k, 1) / WHOLE) * WHOLE for k, m in enumerate(volume.data.shape)]
    lengths[axis] = volume.data.shape[axis]
    crop = Profile("kspace")(volume.data.shape, lengths)
    sharp = crop.A(torch.from_numpy(volume.data)).clamp_min(0).numpy()
    index = np.ix_(*(((np.arange(m) + 0.5) * m0 / m).astype(int) for m, m0 in zip(lengths, volume.data.shape)))
    return Scan(entry, volume, mask, Volume(sharp, volume.grid.resize(lengths), slice_axis=axis), mask[index], kept)
