# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Gather what the viewer of a page shows: three planes with their marks, and a small picture of every volume."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..geometry import Grid
from ..physics import Profile, Separable
from ..restoring.report import Profiled, Report
from ..volume import Volume
from .atlas import FEWER, MOST, Atlas, Window, atlas_of
from .orientation import DISPLAY, display_axes, edge_marks, obliqueness

__all__ = ["COLOURS", "Shown", "deviation_map", "maps_of", "measured_again", "planes_of", "viewer_data"]

COLOURS = {  # stops of a colour bar, red, green, blue; warm is a coarse magma
    "grey": [(0, 0, 0), (255, 255, 255)],
    "warm": [(0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191)],
}
FLATTEST = 4  # ratio of sides up to which a plane across the slices is shown
_TURNED = 15  # degrees: a grid that is turned by more is called oblique on the page


@dataclass(frozen=True, eq=False)
class Shown:
    """A volume of the viewer.

    Args:
        name: of its button.
        key: by which the page finds it.
        atlas: its picture.
        unit: of its values.
        meaning: one sentence beside the colour bar.
    """

    name: str
    key: str
    atlas: Atlas
    unit: str = "scan units"
    meaning: str = ""


def maps_of(
    scan: Volume,
    out: Volume,
    std: NDArray[np.float32],
    report: Report,
    weight: NDArray[np.float32] | None = None,
    error: NDArray[np.float32] | None = None,
) -> list[Shown]:
    """List the maps: standard deviation, what the result leaves of the data, estimated error, network set aside.

    Args:
        scan: what was measured.
        out: what was made of it.
        std: (X, Y, Z) of ``out``.
        report: of the restoration.
        weight: (X, Y, Z) of the network in ``out``, 0 to 1; None where it is not known.
        error: (X, Y, Z) estimated error of ``out`` over that of ``scan``; None where it is not known.
    """
    again = measured_again(scan, out, report.profile, report.acquired.zero_filled_axes)
    residual = Volume(scan.data - again, scan.grid, slice_axis=scan.slice_axis)
    span = float(np.percentile(np.abs(residual.data), 99.5)) or 1.0
    shown = [
        deviation_map(out, std),
        Shown(
            "Data minus result", "residual", atlas_of(residual, Window(-span, span), FEWER),
            meaning="what the result, measured again, leaves of the data; it should look like noise, without anatomy",
        ),
    ]  # fmt: skip
    if error is not None:
        relative = Volume(100 * error, out.grid, slice_axis=out.slice_axis)
        meaning = (
            "error of the neighbourhood of every voxel, estimated without truth; 100 % is that of the scan, and less "
            "is better"
        )
        shown.append(Shown("Estimated error", "risk", atlas_of(relative, Window(0, 120, "warm"), FEWER), "%", meaning))
    if weight is not None:
        aside = Volume(100 * (1 - weight), out.grid, slice_axis=out.slice_axis)
        meaning = "how much of the network's change was taken back, because the estimated error asked for it"
        shown.append(Shown("Network set aside", "aside", atlas_of(aside, Window(0, 100, "warm"), FEWER), "%", meaning))
    return shown


def deviation_map(out: Volume, std: NDArray[np.float32]) -> Shown:
    """Return what the viewer shows of a standard deviation.

    Args:
        out: the result.
        std: (X, Y, Z), in its units.
    """
    most = float(np.percentile(std, 99.5)) or 1.0
    sure = Volume(std, out.grid, slice_axis=out.slice_axis)
    meaning = "predicted error of every voxel; the truth is within 1.645 of it in about 90 % of the voxels"
    return Shown("Standard deviation", "std", atlas_of(sure, Window(0, most, "warm"), FEWER), meaning=meaning)


def planes_of(grid: Grid, slice_axis: int) -> list[dict[str, Any]]:
    """List the planes that are shown, with what their slider and their marks need.

    Args:
        grid: of the result.
        slice_axis: its slice axis. A slab is not shown from its side where it would be a line; where every plane is
            one, that across the slice axis is shown.

    Returns:
        per plane: ``name``; ``axis`` of the display order; ``count`` of its slices; ``backwards``, if the file's order
        is not that of the display; ``first`` and ``step`` of the slices' positions in mm along ``letter``; ``ratio`` of
        width to height; ``marks`` of the edges.
    """
    axes, marks, planes = display_axes(grid), edge_marks(grid), []
    sides = [[float(grid.extent[k]) for n, (k, _) in enumerate(axes) if n != number] for number in range(3)]
    broad = [n for n, (axis, _) in enumerate(axes) if grid.shape[axis] > 1 or min(grid.shape) == 1]
    whole = [n for n in broad if max(sides[n]) <= FLATTEST * min(sides[n])]
    for number in whole or [n for n in broad if axes[n][0] == slice_axis]:
        name, (axis, is_backwards), (down, across) = DISPLAY[number], axes[number], sides[number]
        ras = grid.axes[axis][0]
        middle = [0.0 if k == axis else (n - 1) / 2 for k, n in enumerate(grid.shape)]
        planes.append(
            {
                "name": name,
                "axis": number,
                "count": grid.shape[axis],
                "backwards": is_backwards,
                "first": float(grid.affine[ras, :3] @ middle + grid.affine[ras, 3]),
                "step": float(grid.affine[ras, axis]),
                "letter": "xyz"[ras],
                "ratio": across / down,
                "marks": marks[name],
            }
        )
    return planes


def viewer_data(inputs: Mapping[str, Volume], out: Volume, maps: Sequence[Shown]) -> dict[str, Any]:
    """Return all that the page's program reads, fit for JSON, and what the page says about it.

    Args:
        inputs: what was measured, by the names that the page shows; the field of view of each is that of ``out``.
        out: what was made of them.
        maps: of :func:`maps_of`.

    Returns:
        ``planes``, ``volumes`` by their keys, ``inputs`` with names by keys, ``colours``, ``names`` of the maps and the
        ``first`` of them; ``steps`` are the voxels per pixel of input or result, ``turned`` is the angle of an oblique
        grid in degrees, or 0.
    """
    first = next(iter(inputs.values())).data
    window = Window(min(0.0, float(np.percentile(first, 0.2))), float(np.percentile(first, 99.8)) or 1.0)
    names = {f"input{k}" if k else "input": name for k, name in enumerate(inputs)}
    images = {key: atlas_of(inputs[name], window, MOST) for key, name in names.items()}
    images["result"] = atlas_of(out, window, MOST)
    images |= {one.key: one.atlas for one in maps}
    turned = obliqueness(out.grid)
    return {
        "planes": planes_of(out.grid, out.slice_axis),
        "volumes": {key: atlas.plain() for key, atlas in images.items()},
        "inputs": names,
        "colours": COLOURS,
        "names": {one.key: one.name for one in maps},
        "first": maps[0].key,
        "steps": max((images[key].steps for key in (*names, "result")), key=math.prod),
        "turned": turned if turned > _TURNED else 0.0,
    }


def measured_again(
    scan: Volume, out: Volume, assumed: Profiled | None, filled: Sequence[int] = ()
) -> NDArray[np.float32]:
    """Measure the result with the run's own operator: its profile, slice thickness, and zero-filled axes.

    Args:
        scan: what was measured.
        out: what was made of it.
        assumed: the profile of the run.
        filled: array axes that were zero-filled.
    """
    profile = Profile() if assumed is None else Profile(assumed.kind, assumed.ratio)
    matrices: list[torch.Tensor | int] = []
    for k, (n, m) in enumerate(zip(out.grid.shape, scan.grid.shape)):
        in_step = profile if k == out.slice_axis else replace(profile, ratio=1.0)
        own = Profile("kspace") if k in filled else in_step
        matrices.append(n if n == m else own.matrix(n, m))
    seen: NDArray[np.float32] = Separable(matrices).A(torch.from_numpy(np.ascontiguousarray(out.data))).numpy()
    return seen
