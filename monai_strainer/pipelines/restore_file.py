# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore from file to file: read a scan, restore it, write the result with its record and its page.

A 4-D NIfTI file is restored volume by volume, each with its own noise level; one volume at a time is in memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..geometry import Grid
from ..io import Attached, DicomForm, is_image, is_nifti, require_enhanced, require_map, write
from ..io.image_files import Layout, Made, write_files
from ..priors.prior import Prior
from ..reporting.html import RunFacts, page_of
from ..restoring.check import triple
from ..restoring.options import RestoreOptions
from ..restoring.plan import Plan
from ..restoring.report import Report
from ..restoring.restore import Restored, plan, restore
from ..volume import Volume
from .beside_scan import Beside, file_for, maps_of, read_beside
from .command_text import command_text
from .file_options import FileOptions, Outputs, factors_of, read_scan, read_scans, scale_of

if TYPE_CHECKING:
    from ..io.nifti.outline import Outline

__all__ = ["FileOptions", "Outputs", "plan_file", "restore_file", "scale_of"]


@dataclass(frozen=True, eq=False)
class _Done:
    """A scan, what was made of it, what the report says, and its label map."""

    scan: Volume
    out: Restored
    details: Report
    labels: NDArray[np.int32] | None


def restore_file(
    source: Path,
    target: Path,
    prior: Prior,
    options: FileOptions,
    outputs: Outputs | None = None,
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Restore one scan from a file, or a DICOM folder, to another; all volumes of a 4-D NIfTI file.

    Args:
        source: NIfTI file, DICOM file or folder.
        target: NIfTI file or DICOM folder.
        prior: of the cohort.
        options: how.
        outputs: what is written beside the scan; nothing by default.
        device: where to compute.
        progress: called with the slices done and their total.

    Returns:
        the report; of a 4-D file that of the first volume, with the reports of all under ``volumes``.

    Raises:
        InputError: see ``read``, ``restore`` and ``write``.
    """
    outputs = outputs or Outputs()
    if outputs.parametric_map:
        require_map(target)
    if not is_image(target) and (unwritten := [ending for ending in outputs.endings if ending != "std"]):
        raise InputError(
            f"no {unwritten[0]} is written beside a DICOM series", "name a .nii.gz file as the output", target
        )
    run = _Run(source, target, prior, options, outputs, device)
    if (outline := _several(source, options)) is not None:
        return _restore_4d(run, outline, progress)
    scan, scale = read_scan(source, options)
    done = run.restored(scan, scale, run.beside(scan), progress)
    report = {**done.details.as_dict(), "configuration": options.configuration(prior), **outputs.extra}
    maps = dict(maps_of(done.scan, done.out, outputs.endings, done.labels))
    write(
        done.out.volume,
        target,
        report=report if outputs.report else None,
        std=maps.pop("std", None),
        attached=Attached(
            maps,
            run.page(done) if outputs.report else None,
            _sidecar(outputs.sidecar, done.scan.grid, done.out.volume.grid),
        ),
        dicom=DicomForm(outputs.parametric_map, outputs.enhanced),
        inputs=run.inputs,
        overwrite=outputs.overwrite,
    )
    return report


@dataclass(frozen=True)
class _Run:
    """What is restored, to where, with what and how, and when that began."""

    source: Path
    target: Path
    prior: Prior
    options: FileOptions
    outputs: Outputs
    device: str
    start: float = field(default_factory=time.perf_counter)

    @property
    def inputs(self) -> list[Path]:
        """The files that are read; they are never replaced."""
        beside = (self.options.mask, self.outputs.labels)
        return [self.source, *(file_for(path, self.source) for path in beside if path is not None)]

    def beside(self, scan: Volume) -> Beside:
        """Read what lies beside a scan; the volumes of a 4-D file have it in common."""
        return read_beside(scan, self.source, self.options.mask, self.outputs.labels)

    def restored(
        self,
        scan: Volume,
        scale: tuple[float, ...],
        beside: Beside,
        progress: Callable[[int, int], None] | None,
    ) -> _Done:
        """Restore the scan, or one volume of it."""
        with _named(self.source):
            if self.outputs.enhanced:
                require_enhanced(scan, self.target)
            if self.outputs.residual and max(scale) > 1:
                raise InputError(
                    "a residual is the scan minus the result, and super-resolution gives that another grid",
                    "leave out --residual, or denoise with --scale 1",
                )
            own = _options_of(self.options, beside)
            out = restore(scan, self.prior, scale, options=own, device=self.device, progress=progress)
        return _Done(scan, out, out.details.after(*self.outputs.findings, *_notes(scan, self.options)), beside.labels)

    def page(self, done: _Done, *notes: str) -> str:
        """Return the page of what was done, with more to say in ``notes``."""
        command = command_text(self.source, self.target, self.prior, self.options, self.outputs)
        return page_of(
            done.scan,
            done.out.volume,
            done.out.std,
            done.details.after(*notes),
            network_weight=done.out.network_weight,
            relative_error=done.out.relative_error,
            run=RunFacts.since(self.start, command, self.device),
        )


def _restore_4d(run: _Run, outline: Outline, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
    """Restore every volume of a 4-D file; the record holds the reports of all, the page shows the first."""
    outputs, count, blank = run.outputs, outline.volumes, outline.blank
    reports: list[dict[str, Any]] = []
    pages: list[str] = []
    beside = run.beside(blank)
    factors = triple(blank, factors_of(blank, run.options))
    sidecar = _sidecar(outputs.sidecar, blank.grid, blank.grid.refine(factors))
    layout = Layout(run.target, outputs.endings, outputs.report, outputs.report, sidecar)

    def volumes() -> Iterator[Made]:
        scans = read_scans(run.source, run.options)
        for k in range(count):

            def move(done: int, total: int, before: int = k) -> None:
                if progress is not None:
                    progress(before * total + done, count * total)

            try:
                done = run.restored(*next(scans), beside, move)
            except InputError as error:
                finding = f"volume {k + 1} of {count}: {error.finding}"
                raise InputError(finding, f"{error.remedy}; --volume restores one volume alone", error.file) from error
            reports.append(done.details.as_dict())
            if outputs.report and not pages:
                pages.append(run.page(done, f"this is volume 1 of {count}; the record has the report of every volume"))
            made = (done.out.volume, maps_of(done.scan, done.out, outputs.endings, done.labels))
            del done  # one volume at a time is in memory
            yield made
            del made

    def report() -> dict[str, Any]:
        common = {"warnings": _warnings_of(reports), "volumes": reports}
        return {**reports[0], **common, "configuration": run.options.configuration(run.prior), **outputs.extra}

    write_files(
        layout,
        volumes(),
        lambda: (report(), pages[0] if pages else None),
        inputs=run.inputs,
        others=outline.others,
        overwrite=outputs.overwrite,
    )
    return report()


def _warnings_of(reports: list[dict[str, Any]]) -> list[str]:
    """Return the warnings of all volumes; what holds for every one of them is said once."""
    shared = [text for text in reports[0]["warnings"] if all(text in one["warnings"] for one in reports)]
    own = [f"volume {k}: {x}" for k, one in enumerate(reports, 1) for x in one["warnings"] if x not in shared]
    return [*(f"every volume: {text}" for text in shared), *own]


def plan_file(source: Path, prior: Prior, options: FileOptions) -> Plan:
    """Plan what :func:`restore_file` would do, without restoring or writing.

    Args:
        source, prior, options: see :func:`restore_file`.

    Returns:
        the plan; of a 4-D file that of the first volume, with the noise of all in its notes.

    Raises:
        InputError: see ``read`` and ``restore``.
    """
    plans: list[Plan] = []
    outline = _several(source, options)
    scans = read_scans(source, options)
    beside = None
    for _ in range(1 if outline is None else outline.volumes):
        scan, scale = next(scans)
        beside = beside or read_beside(scan, source, options.mask)
        with _named(source):
            plans.append(plan(scan, prior, scale, options=_options_of(options, beside)))
        del scan  # one volume at a time is in memory
    if outline is None:
        return plans[0]
    levels = [one.sigma for one in plans]
    note = f"{len(plans)} volumes, each restored by itself: noise of {min(levels):.4g} to {max(levels):.4g}"
    return replace(plans[0], notes=(*plans[0].notes, note))


def _several(source: Path, options: FileOptions) -> Outline | None:
    """Return the outline of a NIfTI file that holds several volumes, where all are meant; else None."""
    if options.volume is not None or source.is_dir() or not is_nifti(source):
        return None
    from ..io.nifti.outline import outline_of

    outline = outline_of(source, options.form)
    return outline if outline is not None and outline.volumes > 1 else None


def _options_of(options: FileOptions, beside: Beside) -> RestoreOptions:
    """Return the options of a restoration, with the mask of the scan."""
    return options.restore if beside.mask is None else replace(options.restore, mask=beside.mask)


@contextmanager
def _named(source: Path) -> Iterator[None]:
    """Give the name of the file to errors that have none."""
    try:
        yield
    except InputError as error:
        file = error.file or (source if source.is_file() else None)
        raise InputError(error.finding, error.remedy, file) from error


def _notes(scan: Volume, options: FileOptions) -> list[str]:
    """List the parts of the options that could not be done."""
    if not options.spacing:
        return []
    have = scan.grid.spacing.tolist()
    return [
        f"along array axis {k} the voxels of {a:.4g} mm are finer than the {b:.4g} mm asked for already, and are kept"
        for k, (a, b) in enumerate(zip(have, options.spacing))
        if a < 0.999 * b
    ]


def _sidecar(sidecar: Mapping[str, Any] | None, scan: Grid, out: Grid) -> Mapping[str, Any] | None:
    """Return what a BIDS sidecar says, with the resolution where voxels are finer than those of the source."""
    if sidecar is None or out.shape == scan.shape:
        return sidecar
    made, had = (" x ".join(f"{edge:.4g}" for edge in grid.spacing) for grid in (out, scan))
    return {**sidecar, "Resolution": f"voxels of {made} mm, made from voxels of {had} mm"}
