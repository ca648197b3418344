# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write the files of one output together: images, page and record, all of them or none; a 4-D file volume by volume."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..errors import InputError, disk_error
from ..storage.atomic import atomic_files, json_text, stem
from ..storage.provenance import record, sha256
from ..volume import Volume
from .find import MAPS, is_nifti
from .formats import require_format
from .replacing import require_free

__all__ = ["INTEGERS", "Attached", "Layout", "Made", "write_files"]

DESC, STD = re.compile(r"_desc-[a-zA-Z0-9]+_"), "_desc-strainerstd_"  # a BIDS name, and that of its deviation
INTEGERS = ("mask", "labels")  # maps of whole numbers; of a 4-D output there is one

Made = tuple[Volume, Mapping[str, NDArray[Any]]]
"""A volume, and the maps that go with it by the endings of their names, all (X, Y, Z)."""


@dataclass(frozen=True, eq=False)
class Attached:
    """What is written with an image besides its standard deviation and its record.

    Args:
        maps: (X, Y, Z) other images by the endings of their names: ``residual``, ``mask``, ``labels``. Integers are
            written as integers. Not for a DICOM series.
        page: HTML to stand beside the image as ``x.html``.
        sidecar: what the JSON file says besides the record, which then stands under ``"Strainer"`` (BIDS).
    """

    maps: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    page: str | None = None
    sidecar: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Layout:
    """Which files an output consists of.

    Args:
        path: of the image.
        endings: of the maps beside it, keys of ``MAPS``.
        has_record: whether there is a record ``x.json``, which is written last.
        has_page: whether there is a page ``x.html``.
        sidecar: what the JSON file says besides the record, which then stands under ``"Strainer"`` (BIDS).
    """

    path: Path
    endings: Sequence[str] = ()
    has_record: bool = False
    has_page: bool = False
    sidecar: Mapping[str, Any] | None = None

    def beside(self, suffix: str) -> Path:
        """Return the name of a file that stands beside the image."""
        return self.path.with_name(f"{stem(self.path)}{suffix}")

    def image(self, ending: str) -> Path:
        """Return the name of a map."""
        if ending == "std" and self.sidecar is not None:
            return self.path.with_name(DESC.sub(STD, self.path.name))
        return self.beside(f"_{ending}{require_format(self.path).suffixes[0]}")

    @property
    def images(self) -> dict[str, Path]:
        """The image, under an empty name, and its maps."""
        return {"": self.path} | {ending: self.image(ending) for ending in self.endings}

    @property
    def notes(self) -> dict[Path, Mapping[str, Any]]:
        """Sidecars of maps and what they say."""
        if self.sidecar is None or "std" not in self.endings:
            return {}
        file, text = self.image("std"), "Standard deviation of every voxel of the restored scan"
        return {file.with_name(f"{stem(file)}.json"): {**self.sidecar, "Description": text}}


def write_files(
    layout: Layout,
    volumes: Iterable[Made],
    finish: Callable[[], tuple[Mapping[str, Any] | None, str | None]],
    *,
    inputs: Sequence[Path] = (),
    others: Sequence[int] = (),
    overwrite: bool = False,
) -> None:
    """Write all files of one output; each appears whole, the record last.

    Args:
        layout: which files.
        volumes: the only volume, or all of a 4-D file in their order, of which one at a time is in memory.
        finish: gives the report and the page when all volumes are written.
        inputs: files that were read; they are never replaced.
        others: sizes of the axes behind the third of a 4-D file; NIfTI alone.
        overwrite: replace files that are there.

    Raises:
        InputError: a file that is there already, an input as output, or a disk that cannot be written to.
    """
    own, json_file, html = require_format(layout.path), layout.beside(".json"), layout.beside(".html")
    if others and not is_nifti(layout.path):
        raise InputError("only NIfTI files take several volumes here", "end the name in .nii.gz", layout.path)
    listed = [*layout.images.values(), *([html] if layout.has_page else [])]  # by the record
    files = [*listed, *layout.notes, *([json_file] if layout.has_record else [])]  # the record last
    require_free(files, inputs, overwrite)
    try:
        with atomic_files(files, json_file if layout.has_record else None) as hidden:
            temporary = dict(zip(files, hidden))
            paths = {ending: temporary[path] for ending, path in layout.images.items()}
            origin = _write_4d(paths, volumes, others) if others else _write_3d(own.write, paths, volumes)
            for target, content in layout.notes.items():
                temporary[target].write_text(json_text(content), encoding="utf-8")
            report, page = finish()
            if layout.has_page and page is not None:
                temporary[html].write_text(page, encoding="utf-8")
            if layout.has_record and report is not None:
                outputs = {target.name: sha256(temporary[target]) for target in listed}
                content = record(report, source=origin, outputs=outputs)
                text = json_text(content if layout.sidecar is None else {**layout.sidecar, "Strainer": content})
                temporary[json_file].write_text(text, encoding="utf-8")
    except OSError as error:
        raise disk_error(error, file=layout.path) from error


def _write_3d(write: Callable[..., None], paths: Mapping[str, Path], volumes: Iterable[Made]) -> Any:
    """Write the only volume and its maps, and return its source."""
    ((volume, maps),) = volumes
    write(volume, paths[""])
    for ending, data in maps.items():
        image = Volume(data, volume.grid, volume.source, volume.slice_axis)
        write(image, paths[ending], MAPS[ending], ending in INTEGERS)
    return volume.source


def _write_4d(paths: Mapping[str, Path], volumes: Iterable[Made], others: Sequence[int]) -> Any:
    """Write the volumes of a 4-D file one after the other, and return the source of the first."""
    from .nifti.write import opened, write_image

    source: Any = None
    with ExitStack() as leaving:
        append: dict[str, Callable[[NDArray[Any]], None]] = {}
        for volume, maps in volumes:
            if not append:
                source = volume.source
                for ending in [name for name in maps if name in INTEGERS]:
                    image = Volume(maps[ending], volume.grid, volume.source, volume.slice_axis)
                    write_image(image, paths[ending], MAPS[ending], True)
                    del image
                for ending in [name for name in ("", *maps) if name not in INTEGERS]:
                    file = opened(volume, paths[ending], MAPS.get(ending, ""), others=others)
                    append[ending] = leaving.enter_context(file)
            for ending, write in append.items():
                write(maps[ending] if ending else volume.data)
            del volume, maps  # gone before the next one is made
    return source
