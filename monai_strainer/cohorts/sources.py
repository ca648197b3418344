# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read what a general prior learns from: scans of any contrast and body part, label maps, photographs.

Every axis is cropped in k-space to what was acquired: from a zero-filled axis the network learns that edges are soft.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..anatomy.foreground import foreground, intensity_scale_of
from ..errors import InputError
from ..io import read
from ..physics.acquired import acquired_size, fourier_resize
from ..pretraining.contrasts import painted_labels
from ..pretraining.source import Source

__all__ = [
    "general_sources",
    "label_sources",
    "photograph_sources",
    "read_sources",
    "too_small",
    "train_volumes",
    "validation_volumes",
]

_CLOSE = 1.6  # ratio of spacings up to which slices are cut along all three axes
_SMALLEST = 48  # voxels of an axis that patches are cut from
_REDUCED = 0.6  # of the acquired grid: the reduced copy of a scan, with less noise of its own and sharper edges
PHOTOGRAPHS = ("astronaut", "brick", "camera", "cat", "coffee", "grass", "gravel", "hubble_deep_field", "rocket")
_COPIES = 2  # contrasts painted on every label map


def train_volumes(folder: Path) -> list[Path]:
    """Return the volumes of a folder that may train: those its ``manifest.tsv`` marks ``train``, or all without one.

    Raises:
        InputError: there is no volume, or the manifest names none for training.
    """
    found = [path for path, split in _split_volumes(folder) if split == "train"]
    if not found:
        raise InputError("no volume to train on", "give a folder of NIfTI files, or check the column 'split'", folder)
    return found


def validation_volumes(folder: Path) -> list[Path]:
    """Return the volumes of a folder that its ``manifest.tsv`` marks ``val``; none without one."""
    return [path for path, split in _split_volumes(folder) if split == "val"]


def _split_volumes(folder: Path) -> list[tuple[Path, str]]:
    """Return the volumes of a folder, each with its split; all train where there is no table."""
    table = folder / "manifest.tsv"
    found = sorted(path for path in folder.glob("*.nii*") if not path.name.startswith("."))
    if not table.exists():
        return [(path, "train") for path in found]
    try:
        with table.open(newline="", encoding="utf-8-sig") as handle:
            lines = list(csv.DictReader(handle, delimiter="\t"))
    except UnicodeDecodeError:
        raise InputError("the table is no UTF-8", "save it as UTF-8 text with tabs", table) from None
    if not all({"name", "split"} <= set(row) for row in lines):
        raise InputError("the table has no columns 'name' and 'split'", "name them so, with tabs between them", table)
    rows = {row["name"]: row["split"] for row in lines}
    return [(path, rows.get(path.name.split(".")[0], "")) for path in found]


def too_small(paths: Iterable[Path], sources: Iterable[Source]) -> list[str]:
    """Return the names of the scans of which no patch can be cut.

    Args:
        paths: of the volumes that were to train.
        sources: that :func:`read_sources` made of them.

    Raises:
        InputError: that is so of all of them.

    Example:
        >>> one = Source(np.zeros((1, 48, 48), np.float16), (1.0, 1.0, 1.0), (0,), "scan", "a")
        >>> too_small([Path("a.nii"), Path("b.nii.gz")], [one])
        ['b.nii.gz']
    """
    paths, names = list(paths), {one.name for one in sources if one.kind == "scan"}
    missing = [path.name for path in paths if path.name.split(".")[0] not in names]
    if len(missing) == len(paths):
        finding = f"no scan has two axes of {_SMALLEST} voxels or more, from which patches are cut"
        raise InputError(finding, "give larger scans")
    return missing


def read_sources(paths: Iterable[Path]) -> Iterator[Source]:
    """Every scan on its acquired grid, and a reduced copy where that leaves enough voxels.

    Raises:
        InputError: a scan cannot be read or is empty; the message names it.
    """
    for path in paths:
        scan = read(path)
        data, spacing = np.maximum(scan.data, 0), [float(s) for s in scan.grid.spacing]
        data = (data / np.float32(intensity_scale_of(data, foreground(data)))).astype(np.float32, copy=False)
        sizes = [acquired_size(data, k) for k in range(3)]
        isotropic = max(spacing) / min(spacing) <= _CLOSE
        axes = (0, 1, 2) if isotropic else (scan.slice_axis,)
        name = path.name.split(".")[0]
        yield from _resized(data, spacing, sizes, axes, name)
        reduced = [
            n if not isotropic and k == scan.slice_axis else round(_REDUCED * n / 2) * 2 for k, n in enumerate(sizes)
        ]
        yield from _resized(data, spacing, reduced, axes, name)


def _resized(
    data: NDArray[np.float32], spacing: list[float], sizes: list[int], axes: tuple[int, ...], name: str
) -> Iterator[Source]:
    out = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))
    for k, size in enumerate(sizes):
        out = fourier_resize(out.movedim(k, -1), size).movedim(-1, k)
    usable = tuple(axis for axis in axes if min(sizes[k] for k in range(3) if k != axis) >= _SMALLEST)
    if not usable:
        return
    new = [s * n / m for s, n, m in zip(spacing, data.shape, sizes)]
    kept = np.ascontiguousarray(out.clamp(0, 8).numpy().astype(np.float16))
    yield Source(kept, (new[0], new[1], new[2]), usable, "scan", name)


def label_sources(paths: Iterable[Path], copies: int, seed: int) -> Iterator[Source]:
    """Images painted on label maps and reduced to 0.6 of their grid, so that borders share voxels as in a scan.

    Args:
        paths: NIfTI label maps, 0 is air.
        copies: contrasts per map.
        seed: of the draws.
    """
    for number, path in enumerate(paths):
        labels = read(path).data.round().astype(np.int16)
        inside = np.argwhere(labels > 0)
        low, high = inside.min(0), inside.max(0) + 1
        labels = labels[tuple(slice(int(a), int(b) // 2 * 2 + int(a) % 2) for a, b in zip(low, high))]
        for copy in range(copies):
            image = painted_labels(labels, np.random.default_rng((seed, number, copy)))
            sizes = [round(_REDUCED * n / 2) * 2 for n in labels.shape]
            yield from (
                Source(s.data, s.spacing, s.axes, "labels", s.name)
                for s in _resized(image, [1.0, 1.0, 1.0], sizes, (0, 1, 2), path.name.split(".")[0])
            )


def photograph_sources() -> Iterator[Source]:
    """Public-domain photographs and textures that scikit-image ships, reduced by two; none where it is missing."""
    try:
        from skimage import data
    except ImportError:
        return
    for name in PHOTOGRAPHS:
        image = np.asarray(getattr(data, name)(), np.float32)
        image = image[..., :3].mean(-1) if image.ndim == 3 else image
        h, w = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
        small = image[:h, :w].reshape(h // 2, 2, w // 2, 2).mean((1, 3))
        kept = (small / np.percentile(small, 99.5)).astype(np.float16)[None]
        yield Source(np.ascontiguousarray(kept), (1.0, 1.0, 1.0), (0,), "photograph", name)


def general_sources(folder: Path) -> list[Source]:
    """All that a folder has to train on: its volumes, the label maps in ``labels``, and photographs.

    Args:
        folder: NIfTI files; a ``manifest.tsv`` with the columns ``name`` and ``split`` says which of them may train.

    Raises:
        InputError: there is no volume to train on, or one cannot be read.
    """
    labels = sorted(path for path in (folder / "labels").glob("*.nii*") if not path.name.startswith("."))
    return [
        *read_sources(train_volumes(folder)),
        *label_sources(labels, _COPIES, seed=0),
        *photograph_sources(),
    ]
