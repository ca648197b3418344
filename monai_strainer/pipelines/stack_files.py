# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Say which files, series and volumes are the stacks of a fusion, and read them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError
from ..io import read
from ..volume import Volume

__all__ = ["StackFiles"]


@dataclass(frozen=True)
class StackFiles:
    """The stacks of a fusion as files.

    Args:
        paths: files or DICOM folders; the first stack gives the units and the kind of the result.
        volumes: which volume of a series or a 4-D file is meant, from 1: one number for all stacks, or one for each;
            none where every stack has one volume.
        series_uids: of the DICOM series that are meant, one for each stack; an empty text where a folder has one
            series; none where all have.
        form: which affine of NIfTI files counts where the two disagree.
        like: image whose grid the result has.

    Raises:
        InputError: one stack twice; as many volumes or series as fit no list of stacks.

    Example:
        >>> StackFiles([Path("a.nii"), Path("b.nii")], volumes=[2]).volume_of(1)
        2
    """

    paths: Sequence[Path]
    volumes: Sequence[int] = ()
    series_uids: Sequence[str] = ()
    form: Literal["sform", "qform"] | None = None
    like: Path | None = None

    def __post_init__(self) -> None:
        count = len(self.paths)
        if len(self.volumes) not in (0, 1, count):
            raise InputError(
                f"{len(self.volumes)} volumes of {count} stacks", "give one number for all stacks, or one for each"
            )
        if len(self.series_uids) not in (0, count):
            raise InputError(
                f"{len(self.series_uids)} series of {count} stacks",
                "give one UID for each stack; leave it empty where a folder holds one series",
            )
        stacks = [(path.resolve(), self.volume_of(k), self.series_of(k)) for k, path in enumerate(self.paths)]
        for k, one in enumerate(stacks):
            if one in stacks[:k]:
                raise InputError(
                    f"stacks {stacks.index(one) + 1} and {k + 1} are the same", "pass every stack once", self.paths[k]
                )

    @property
    def inputs(self) -> list[Path]:
        """The files and folders that are read; they are never replaced."""
        return [*self.paths, *([] if self.like is None else [self.like])]

    def volume_of(self, k: int) -> int | None:
        """Return the volume that is meant of a stack, from 0; None where it has one."""
        return self.volumes[k if len(self.volumes) > 1 else 0] if self.volumes else None

    def series_of(self, k: int) -> str | None:
        """Return the series that is meant of a stack, from 0; None where its folder has one."""
        return (self.series_uids[k] or None) if self.series_uids else None

    def read(self) -> list[Volume]:
        """Read the stacks.

        Raises:
            InputError: a file that does not say where its image lies; see :func:`monai_strainer.read`.
        """
        found = [
            read(path, series_uid=self.series_of(k), volume=self.volume_of(k), form=self.form, warn=False)
            for k, path in enumerate(self.paths)
        ]
        for path, stack in zip(self.paths, found):
            placed = getattr(stack.source, "placed", None)
            if placed is not None and placed.form is None:
                raise InputError(
                    "the header does not say where the stack lies: it has no sform and no qform",
                    "convert the scan from DICOM again",
                    path,
                )
        return found

    def record(self) -> dict[str, Any]:
        """Return what a record says of them: no folder, and of a series identifier only a hash."""
        digests = [one and hashlib.sha256(one.encode()).hexdigest()[:12] for one in self.series_uids]
        return {"volumes": list(self.volumes), "series_uids": digests, "form": self.form}
