# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Limit how much one series may hold and how many series may be in work, so that one caller cannot fill the disk.

Counts are those of the disk: they outlive the process, and include what is kept of a series after it was sent or set
aside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from .settings import Limits

__all__ = ["OverLimit", "SeriesLimits", "bytes_below"]

_GIB = 2.0**30


class OverLimit(Exception):
    """An image is not taken: its series is too large, or too many series are in work.

    Args:
        finding: in words, without an identifier.
        is_series: whether the limit is that of the series itself.
    """

    def __init__(self, finding: str, is_series: bool) -> None:
        super().__init__(finding)
        self.finding, self.is_series = finding, is_series


class SeriesLimits:
    """Count the images and bytes of every series that arrives. Its callers hold the lock of the queue.

    Args:
        limits: of the configuration file.
        work: folders of the series in work.
        kept: folders of series that were sent or set aside.
        received: name of the folder of a series that holds its images.
    """

    def __init__(self, limits: Limits, work: Sequence[Path], kept: Sequence[Path], received: str) -> None:
        self._limits, self._work, self._kept, self._received = limits, tuple(work), tuple(kept), received
        self._held: dict[str, dict[str, int]] = {}  # of every series that arrives: its files, and their bytes

    def admit(self, series: str, file: str, size: int) -> None:
        """Count one image more; one that is known is not counted again.

        Args:
            series: short name.
            file: name, by identifier and content.
            size: in bytes.

        Raises:
            OverLimit: a limit forbids it; nothing is counted.
        """
        if not any((folder / series).exists() for folder in self._work):
            self.forget(series)
            if self._count() >= self._limits.series_in_work:
                finding = f"{self._limits.series_in_work} series are in work, the limit: new series are not taken"
                raise OverLimit(finding, is_series=False)
        if series not in self._held:
            self._held[series] = self._found(series)
        held = self._held[series]
        if file in held:
            return
        if len(held) >= self._limits.series_images:
            raise OverLimit(f"more than {self._limits.series_images} images, the limit of a series", is_series=True)
        if sum(held.values()) + size > self._limits.series_gib * _GIB:
            raise OverLimit(f"more than {self._limits.series_gib:g} GiB, the limit of a series", is_series=True)
        held[file] = size

    def forget(self, series: str) -> None:
        """Count a series from the disk again when its next image comes."""
        self._held.pop(series, None)

    def _count(self) -> int:
        """Return how many series are in work."""
        return len({series.name for folder in self._work for series in folder.iterdir()})

    def _found(self, series: str) -> dict[str, int]:
        """Return the files of a series that lie on the disk, and their bytes."""
        folders = (folder / series / self._received for folder in (*self._work, *self._kept))
        return {file.name: file.stat().st_size for folder in folders for file in folder.glob("[!.]*.dcm")}


def bytes_below(folder: Path) -> int:
    """Return the size of all files below a folder, in bytes; files may be removed meanwhile."""
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    for file in folder.rglob("*"):
        try:
            if file.is_file():
                yield file.stat().st_size
        except FileNotFoundError:
            continue
