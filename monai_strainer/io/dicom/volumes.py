# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Split a series into volumes: echoes, times, diffusion weightings, phase beside magnitude."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VR

from .frame import Frame
from .stack import are_tiled, normal_of, positions_of

__all__ = ["Part", "listed", "volumes_of"]

VARY = (  # what may differ between two images at one position, the surest first
    "ComplexImageComponent",
    "FrameType",
    "ImageType",
    "EffectiveEchoTime",
    "EchoTime",
    "EchoNumbers",
    "InversionTime",
    "FlipAngle",
    "DiffusionBValue",
    "TemporalPositionIndex",
    "TemporalPositionIdentifier",
    "TriggerTime",
    "MetaboliteMapDescription",
    "StackID",
    "AcquisitionNumber",
    "DiffusionGradientOrientation",
    "AcquisitionTime",
)
NUMBERS = ("DS", "FD", "IS", "SL", "UL", "US")  # value representations
MANY = 12  # volumes listed one by one
NEAR = 0.01  # mm between two images at one position


@dataclass(frozen=True, eq=False)
class Part:
    """The images of one volume of a series.

    Args:
        frames: one for every position.
        differences: what sets them apart from the other volumes, such as ``EchoTime 4.92``.
    """

    frames: list[Frame]
    differences: tuple[str, ...] = ()


def volumes_of(frames: Sequence[Frame]) -> list[Part]:
    """Return the volumes of a series, in an order that file names do not change; one, if no position has two images.

    An attribute splits the images at hand if every one of its values leaves fewer images at a position than there were,
    and one of them reaches every position: so a time that every slice has for itself splits nothing.
    """
    normal, positions = normal_of(frames), positions_of(frames)
    orientations = [f.numbers("ImageOrientationPatient", 6) for f in frames]
    if normal is None or positions is None or are_tiled(frames):
        return [Part(list(frames))]
    first = orientations[0]
    if first is None or any(one is None or not np.allclose(one, first, atol=1e-3) for one in orientations):
        return [Part(list(frames))]
    heights = positions @ normal
    order = np.argsort(heights, kind="stable")
    rank = np.empty(len(frames), dtype=int)  # which position, counted along the normal
    rank[order] = np.concatenate([[0], np.cumsum(np.diff(heights[order]) > NEAR)])
    return list(_split(list(frames), rank, ()))


def _split(frames: list[Frame], rank: NDArray[np.int_], differences: tuple[str, ...]) -> Iterator[Part]:
    """Split by the first attribute that does, and what it makes by the next."""
    reached, most = len(set(rank.tolist())), _most(rank)
    for keyword in VARY if most > 1 else ():
        values = [f.text(keyword) for f in frames]
        kinds = sorted(set(values), key=_by_number)
        members = [np.flatnonzero([value == kind for value in values]) for kind in kinds] if len(kinds) <= most else []
        if len(kinds) < 2 or not members or any(_most(rank[some]) == most for some in members):
            continue
        if not any(len(set(rank[some].tolist())) == reached for some in members):
            continue
        for k, some in enumerate(members, 1):
            word = f"{keyword} {_word(frames[some[0]], keyword, k)}"
            yield from _split([frames[i] for i in some], rank[some], (*differences, word))
        return
    yield Part(frames, differences)


def _word(frame: Frame, keyword: str, k: int) -> str:
    """Return a value as text: numbers, and words of the standard; free text may name patients and is only numbered."""
    value, kind = frame.get(keyword), dictionary_VR(keyword)
    if value is None:
        return "missing"
    if kind == "CS":
        return " ".join(re.sub("[^A-Z0-9_ ]", "", word)[:16] for word in frame.words(keyword))
    if kind not in NUMBERS:
        return f"no. {k}"
    try:
        return " ".join(f"{float(number):.4g}" for number in np.atleast_1d(np.asarray(value, dtype=np.float64)))
    except (TypeError, ValueError):
        return f"no. {k}"


def _most(rank: NDArray[np.int_]) -> int:
    """Return the largest number of images at one position."""
    return max(Counter(rank.tolist()).values())


def _by_number(value: str) -> tuple[float, str]:
    try:
        return float(value), value
    except ValueError:
        return float("-inf"), value


def listed(parts: Sequence[Part]) -> str:
    """Return a line of text for every volume, or for the first ones and the last."""
    lines = [
        ", ".join((f"volume {k}: {len(part.frames)} images", *part.differences)) for k, part in enumerate(parts, 1)
    ]
    if len(lines) > MANY:
        lines[MANY - 2 : -1] = [f"... {len(lines) - MANY + 1} more ..."]
    return "".join(f"\n  {line}" for line in lines)
