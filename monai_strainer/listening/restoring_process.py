# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a series in a process of its own: receiving goes on meanwhile, and survives a lack of memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Literal

from ..errors import InputError
from .series_queue import ATTEMPTS, MADE, OVER, RECEIVED, SeriesQueue
from .settings import Restoration

__all__ = ["Outcome", "RestoringProcess", "restore_next"]

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Outcome:
    """How a restoration ended.

    Args:
        kind: ``"made"``; ``"refused"``, the series cannot be restored; ``"later"``, the disk or the settings are in the
            way; ``"stopped"``, from outside; ``"died"``, the process gave no answer.
        finding, remedy: of what was refused or is in the way.
        notes: warnings about what was made.
    """

    kind: Literal["made", "refused", "later", "stopped", "died"]
    finding: str = ""
    remedy: str = ""
    notes: tuple[str, ...] = ()


def restore_next(queue: SeriesQueue, restore: Callable[[Path, Path], Outcome], fewest_images: int) -> bool | None:
    """Restore the series that has waited longest.

    Args:
        queue: of series.
        restore: called with the folder of the received images and the folder to make.
        fewest_images: see ``settings.Series``.

    Returns:
        whether there was one that is off the list now; None where it is to be tried again later.
    """
    job = queue.next_waiting()
    if job is None:
        return False
    if (job / MADE).is_dir():  # whole, made by a process that was killed before it could move the series on
        queue.restored(job)
        return True
    if reason := _reason_to_refuse(job, fewest_images):
        queue.refuse(job, *reason)
        return True
    if queue.begin(job) > ATTEMPTS:
        finding = f"{ATTEMPTS} restorations ended without an answer"
        queue.refuse(job, finding, "look for a lack of memory in the system's log, then send the series again")
        return True
    outcome = restore(job / RECEIVED, job / MADE)
    if outcome.kind == "made":
        queue.restored(job)
        for note in outcome.notes:
            queue.say(f"series {job.name}: note: {queue.ids.clean(note)}")
        queue.say(f"series {job.name}: restored")
    elif outcome.kind == "refused":
        queue.refuse(job, outcome.finding, outcome.remedy)
    elif outcome.kind == "died":
        queue.say(f"series {job.name}: the restoration ended without an answer, and begins again")
        return None
    else:
        queue.forget(job)
        if outcome.kind == "later":
            queue.say(f"series {job.name}: waits: {queue.ids.clean(outcome.finding)}")
        return None
    return True


def _reason_to_refuse(job: Path, fewest_images: int) -> tuple[str, str] | None:
    """Return why a series is not restored at all: it is a result of ours, or a part of a series."""
    from ..io.dicom.identity import identify

    if (job / OVER).exists():
        remedy = "raise series_images or series_gib in [limits], restart the listener, and send the series again"
        return f"the series has {(job / OVER).read_text(encoding='ascii')}", remedy
    files = sorted((job / RECEIVED).glob("*.dcm"))
    try:
        first = identify(files[0].read_bytes())
    except InputError as error:  # a damaged disk: it could be read when it came
        return error.finding, error.remedy
    if first.is_result:
        return "the series is a result of monai_strainer", "let the archive send only what comes from scanners"
    if first.is_slice and len(files) < fewest_images:
        finding = f"{len(files)} images are fewer than fewest_images of {fewest_images}"
        return finding, "send the whole series, or change the setting"
    return None


class RestoringProcess:
    """Call with two folders to restore from one to the other; returns an :class:`Outcome`.

    Args:
        settings: of the restoration.
        stop: ends a restoration that is under way.
    """

    def __init__(self, settings: Restoration, stop: threading.Event) -> None:
        self._settings, self._stop = settings, stop

    def check(self) -> None:
        """Try prior and device before anything is received.

        Raises:
            InputError: one of them cannot be used.
        """
        outcome = self(None, None)
        if outcome.kind not in ("made", "stopped"):
            raise InputError(
                outcome.finding or "the restoring process ends without an answer", outcome.remedy or "retry"
            )

    def __call__(self, source: Path | None, target: Path | None) -> Outcome:
        """Restore a series, or try the settings.

        Args:
            source: folder of the series; None tries the settings alone.
            target: folder of the derived series; None likewise.

        Returns:
            how it ended; a process that ends without a word has died.
        """
        context = multiprocessing.get_context("spawn")  # a fork would copy threads, and the sockets of callers
        mine, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_restore, args=(theirs, self._settings, source, target), daemon=True)
        process.start()
        theirs.close()
        try:
            while True:
                ready = wait([mine, process.sentinel], timeout=0.2)
                if mine in ready:
                    try:
                        return Outcome(*mine.recv())
                    except EOFError:
                        return Outcome("died")
                if ready:
                    return Outcome(*mine.recv()) if mine.poll() else Outcome("died")
                if self._stop.is_set():
                    return Outcome("stopped")
        finally:
            process.join(0 if self._stop.is_set() else 10)
            process.kill()
            process.join()
            mine.close()


def _restore(answer: Connection, settings: Restoration, source: Path | None, target: Path | None) -> None:
    """Restore in the new process, and answer with the fields of an Outcome."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the listener's
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        from ..io.dicom.parametric_map import require_highdicom
        from ..pipelines.device import device_of
        from ..pipelines.restore_file import FileOptions, Outputs, restore_file
        from ..priors.store import load_prior

        prior, device = load_prior(settings.prior), device_of(settings.device)
        if settings.parametric_map:
            require_highdicom()
    except (InputError, OSError) as error:
        answer.send(("later", *_parts(error)))
        return
    notes: tuple[str, ...] = ()
    try:
        if source is not None and target is not None:
            options = FileOptions(scale=settings.scale, spacing=settings.spacing, restore=settings.options)
            outputs = Outputs(std=settings.std, report=True, overwrite=True, parametric_map=settings.parametric_map)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                report = restore_file(source, target, prior, options, outputs, device=device)
            own = [str(one.message) for one in caught if PACKAGE in Path(one.filename).parents]  # others quote values
            notes = tuple(dict.fromkeys([*own, *map(str, report["warnings"])]))
        answer.send(("made", "", "", notes))
    except InputError as error:
        is_disk = isinstance(error.__cause__, OSError) and error.__cause__.errno is not None  # not a decoder's error
        answer.send(("later" if is_disk else "refused", error.finding, error.remedy))
    except OSError as error:
        answer.send(("later", *_parts(error)))
    except MemoryError:
        answer.send(("refused", "there is not enough memory", "restore it on a larger machine"))
    except Exception as error:  # its text may quote the image
        answer.send(("refused", f"the restoration fails with {type(error).__name__}", "report it to the maintainers"))


def _parts(error: InputError | OSError) -> tuple[str, str]:
    """Return finding and remedy; of a system's error only the reason, for paths may name patients."""
    if isinstance(error, InputError):
        return error.finding, error.remedy
    return f"{error.strerror or type(error).__name__}", "check space and rights of the folders"


def _end_with_parent() -> None:
    """End this process when the listener is gone, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
