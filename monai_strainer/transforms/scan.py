# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read and write scans in a MONAI pipeline by the project's own strict reader and writer."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_tensor

from ..errors import InputError, Limits
from ..geometry import Grid
from ..io import find_scans, find_series, holds_images, is_series, read, refuse_inside, write
from ..storage.atomic import stem
from ..volume import Volume
from .images import as_image

__all__ = [
    "LoadScan",
    "LoadScanD",
    "LoadScanDict",
    "LoadScand",
    "SaveScan",
    "SaveScanD",
    "SaveScanDict",
    "SaveScand",
    "scan_list",
]


def scan_list(folder: str, key: str = "image", output_dir: str | None = None) -> list[dict[str, str]]:
    """Return the scans of a folder as MONAI's list of dictionaries: its NIfTI files, or else its DICOM series.

    Args:
        folder: with the scans, in subfolders or not; every DICOM series in a folder of its own.
        key: entry that becomes the path.
        output_dir: where outputs will go; not in ``folder``: the next run would take them for scans.

    Raises:
        InputError: the folder is missing or holds no scan, or the outputs would lie in it.
    """
    if output_dir is not None:
        refuse_inside(output_dir, folder)
    find = find_scans if not Path(folder).is_dir() or holds_images(Path(folder)) else find_series
    return [{key: str(path)} for path in find(folder)]


CHOICE = ("series_uid", "volume")  # what may choose one scan of a folder or a file


_recent: OrderedDict[tuple[str, ...], Any] = OrderedDict()
_MOST_RECENT = 4


def _key(path: Path, choice: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what identifies a scan that was read: its file, and the series and volume that were meant."""
    return (str(path.resolve()), *(str(choice.get(name)) for name in CHOICE))


def _remember(path: Path, choice: Mapping[str, Any], source: Any) -> None:
    """Keep where a scan came from until it is saved, so that the file is read once; only the last few are kept."""
    _recent[_key(path, choice)] = source
    while len(_recent) > _MOST_RECENT:
        _recent.popitem(last=False)


def _source_of(path: Path, choice: Mapping[str, Any]) -> Any:
    """Where a scan came from: as remembered, or read again where another process has read it."""
    found = _recent.pop(_key(path, choice), None)
    if found is not None or not path.exists():
        return found
    return read(path, **choice).source


class LoadScan(Transform):
    """Read one scan strictly (:func:`monai_strainer.read`).

    Args:
        series_uid, volume: the DICOM series, and the volume of it or of a 4-D file, that is meant.

    Returns:
        MetaTensor ``(1, X, Y, Z)`` float32 with the affine, ``filename_or_obj``, ``slice_axis``, ``slice_thickness``
        (NaN where it is the step), and the choice where there is one.
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012 (MONAI's convention)

    def __init__(self, series_uid: str | None = None, volume: int | None = None) -> None:
        self.choice = {"series_uid": series_uid, "volume": volume}

    def __call__(self, path: str) -> MetaTensor:
        scan = read(path, **self.choice)  # type: ignore[arg-type]
        _remember(Path(path), self.choice, scan.source)
        meta: dict[str, Any] = {
            "filename_or_obj": str(path),
            "slice_axis": scan.slice_axis,
            "original_channel_dim": "no_channel",
        }
        meta["slice_thickness"] = math.nan if scan.thickness is None else scan.thickness  # MONAI cannot collate None
        meta |= {name: value for name, value in self.choice.items() if value is not None}
        return MetaTensor(
            torch.from_numpy(scan.data)[None], affine=torch.from_numpy(scan.grid.affine.copy()), meta=meta
        )


class SaveScan(Transform):
    """Write a restored image ``(1 or 2, X, Y, Z)`` as a file, or a DICOM series, of the kind it was read from.

    The second channel, if there is one, is the standard deviation and becomes ``..._std.nii.gz``, or a second series. A
    report in the meta data becomes a JSON record, written last. A series goes into a folder named by a hash: folders
    of DICOM files are often named after patients.

    Args:
        output_dir: folder to write into; made if missing.
        postfix: goes between the scan's name and the suffix.
        overwrite: replace files that are there.
        data_root: folder of all inputs; its subfolders are made again below ``output_dir``, for scans of one name in
            several of them. Without it everything goes straight into ``output_dir``.

    Raises:
        InputError: the output is there already, or would be the input; an image of other channels, without the name of
            the file it was read from, or with values that are not finite.
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012

    def __init__(
        self, output_dir: str, postfix: str = "strainer", overwrite: bool = True, data_root: str | None = None
    ) -> None:
        if not postfix or Path(postfix).name != postfix:
            raise InputError(f"a postfix of {postfix!r}", "give a part of a file's name, such as strainer")
        self.output_dir, self.postfix, self.overwrite, self.data_root = Path(output_dir), postfix, overwrite, data_root

    def __call__(self, image: MetaTensor) -> MetaTensor:
        if not isinstance(image, MetaTensor) or not image.meta.get("filename_or_obj"):
            raise InputError("the image does not say what file it is from", "pass a MetaTensor that LoadScan has read")
        if image.ndim != 4 or len(image) > 2:
            finding = f"an image of shape {tuple(image.shape)}"
            raise InputError(finding, "pass (1, X, Y, Z), or (2, X, Y, Z) with the standard deviation")
        data = convert_to_tensor(as_image(image)).detach().cpu().numpy()
        origin = Path(str(image.meta["filename_or_obj"]))
        choice = {name: image.meta[name] for name in CHOICE if name in image.meta}
        if "volume" in choice:
            choice["volume"] = int(Limits(least=1).checked(choice["volume"], "volume", whole=True))
        source = _source_of(origin, choice)
        affine = np.asarray(image.affine.cpu(), dtype=np.float64)
        volume = Volume(data[0], Grid(data[0].shape, affine), source)
        report = image.meta.get("strainer_report")
        is_below = self.data_root is not None and Path(self.data_root) in origin.parents
        inner = origin.parent.relative_to(str(self.data_root)) if is_below else Path()
        name = f"{stem(origin)}_{self.postfix}.nii.gz"
        if is_series(source):
            name, inner = f"{getattr(source, 'name', '')}_{self.postfix}", Path()
        write(
            volume,
            self.output_dir / inner / name,
            report=json.loads(str(report)) if report else None,
            std=data[1] if len(data) > 1 else None,
            overwrite=self.overwrite,
        )
        return image


class LoadScand(MapTransform):
    """Dictionary form of :class:`LoadScan`.

    Args:
        keys, allow_missing_keys: as in MONAI's ``MapTransform``.
        series_uid, volume: see :class:`LoadScan`.
    """

    backend = LoadScan.backend

    def __init__(
        self,
        keys: KeysCollection,
        allow_missing_keys: bool = False,
        series_uid: str | None = None,
        volume: int | None = None,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.load = LoadScan(series_uid, volume)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.load(d[key])
        return d


class SaveScand(MapTransform):
    """Dictionary form of :class:`SaveScan`.

    Args:
        keys, allow_missing_keys: as in MONAI's ``MapTransform``.
        output_dir, postfix, overwrite, data_root: see :class:`SaveScan`.
    """

    backend = SaveScan.backend

    def __init__(
        self,
        keys: KeysCollection,
        output_dir: str,
        postfix: str = "strainer",
        overwrite: bool = True,
        data_root: str | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.save = SaveScan(output_dir, postfix, overwrite, data_root)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.save(d[key])
        return d


LoadScanD = LoadScanDict = LoadScand
SaveScanD = SaveScanDict = SaveScand
