# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Keep series on disk from their first image to the sent result: a process that is killed at any point loses nothing.

A series is one folder, ``<short id>/received/``, that moves as a whole from one folder to the next::

    queue/collecting -> queue/waiting -> queue/outgoing -> done
                                     \\-> quarantine, with reason.json

Every move is one rename on one file system, forced to disk. An image counts as stored once its bytes and its name are
on the disk. A series is in one of them at a time; images that come while it is in work wait in ``collecting``.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..storage.atomic import atomic, make_folder, move, write_json
from ..storage.provenance import now
from .series_limits import OverLimit, SeriesLimits, bytes_below
from .settings import Folders, Limits
from .short_ids import ShortIds

__all__ = ["ATTEMPTS", "MADE", "OVER", "REASON", "RECEIVED", "SeriesQueue"]

RECEIVED, MADE, SENT, REASON, BEGUN, OVER = "received", "made", "sent", "reason.json", "begun", "over-limit"
ATTEMPTS = 3  # restorations that end without an answer, as when memory runs out, before a series is set aside
Say = Callable[[str], None]


class SeriesQueue:
    """Series on disk, and what may happen to them next; several threads may use it.

    Args:
        folders: made where they are missing.
        say: takes one line for the log.
        clock: seconds; another one serves tests.
        limits: of every series, and of how many are in work.

    Raises:
        InputError: the folders lie on different file systems.
    """

    def __init__(
        self, folders: Folders, say: Say, clock: Callable[[], float] = time.monotonic, limits: Limits | None = None
    ) -> None:
        self.collecting, self.waiting, self.outgoing, self._leaving = (
            folders.queue / name for name in ("collecting", "waiting", "outgoing", "leaving")
        )
        self.done, self.quarantine = folders.done, folders.quarantine
        for folder in (self.collecting, self.waiting, self.outgoing, self._leaving, self.done, self.quarantine):
            make_folder(folder)
        if len({folder.stat().st_dev for folder in (folders.queue, self.done, self.quarantine)}) > 1:
            raise InputError("queue, quarantine and done lie on different file systems", "put them on one")
        for folder in self._leaving.iterdir():
            shutil.rmtree(folder)
        self.ids, self.say, self._clock = ShortIds(folders.queue), say, clock
        self._lock = threading.RLock()
        self._writers: Counter[str] = Counter()
        started = clock()
        self._last = {folder.name: started for folder in self.collecting.iterdir()}
        self._ended: set[str] = set()
        work, kept = (self.collecting, self.waiting, self.outgoing), (self.done, self.quarantine)
        self._limits = SeriesLimits(limits or Limits(), work, kept, RECEIVED)

    def store(self, series_uid: str, instance_uid: str, data: bytes) -> str:
        """Force an image to disk; one that lies here already, with the same bytes, is not stored again.

        Args:
            series_uid, instance_uid: of the image.
            data: bytes of its file.

        Returns:
            the short name of its series.

        Raises:
            OSError: it cannot be written.
            OverLimit: its series is too large, or too many are in work; a series that is too large is set aside once
                it is complete.
        """
        series = self.ids(series_uid)
        name = f"{self.ids(instance_uid)}-{hashlib.sha256(data).hexdigest()[:12]}.dcm"
        folder = self.collecting / series / RECEIVED
        with self._lock:
            self._admit(series, name, len(data))
            self._writers[series] += 1
        try:
            if not any((folder / series / RECEIVED / name).exists() for folder in (self.waiting, self.outgoing)):
                with self._lock:
                    make_folder(folder)
                if not (folder / name).exists():
                    with atomic(folder / name) as temporary:
                        temporary.write_bytes(data)
        except OSError:
            with self._lock:
                self._limits.forget(series)
            raise
        finally:
            with self._lock:
                self._writers[series] -= 1
                self._last[series] = self._clock()
                self._ended.discard(series)
        return series

    def _admit(self, series: str, file: str, size: int) -> None:
        """Count an image; note at a series, on disk, that not all of it was taken."""
        try:
            self._limits.admit(series, file, size)
        except OverLimit as error:
            note = self.collecting / series / OVER
            if error.is_series and note.parent.exists() and not note.exists():
                with atomic(note) as temporary:
                    temporary.write_text(error.finding, encoding="ascii")
            raise

    def end(self, series: str) -> None:
        """Note that the caller has ended what it had to send of a series."""
        with self._lock:
            self._ended.add(series)

    def close_due(self, quiet_seconds: float) -> None:
        """Close every series that has been quiet for so long, or was ended by its caller."""
        for folder in sorted(self.collecting.iterdir()):
            last = self._last.setdefault(folder.name, self._clock())
            if folder.name in self._ended or self._clock() - last >= quiet_seconds:
                self.close(folder.name)

    def close(self, series: str) -> bool:
        """Take a series as complete.

        Images that come after the series was sent or set aside join those: the whole series is restored again. Where
        all of them were known, its result is sent again if they are the whole series; a part of it changes nothing.

        Returns:
            False where it has to wait: an image is being written, or an earlier part of the series is in work.
        """
        with self._lock:
            batch = self.collecting / series
            if self._writers[series] or self._folder_of(series) is not None:
                return False
            if not _images(batch):  # killed before the first image was whole, or all images were in work already
                self._remove(batch)
                return False
            kept = self.done / series
            mine, theirs = ({file.name for file in _images(folder)} for folder in (batch, kept))
            if mine <= theirs and (kept / MADE).is_dir():
                if mine == theirs:
                    (kept / SENT).unlink(missing_ok=True)
                    move(kept, self.outgoing / series)
                    self.say(f"series {series}: received again, the result is sent again")
                else:
                    self.say(f"series {series}: {len(mine)} images were known already")
                self._remove(batch)
            else:
                self._join(series)
                move(batch, self.waiting / series)
                self.say(f"series {series}: complete, {len(_images(self.waiting / series))} images")
            self._last.pop(series, None)
            self._ended.discard(series)
            self._limits.forget(series)
            return True

    def _join(self, series: str) -> None:
        """Put what is kept of a series to what has come; of two images with one identifier, the new one counts."""
        batch = self.collecting / series
        known = {file.name.partition("-")[0] for file in _images(batch)}
        for kept in (self.done / series, self.quarantine / series):
            joined = [file for file in _images(kept) if file.name.partition("-")[0] not in known]
            for file in joined:
                move(file, batch / RECEIVED / file.name)
            if kept.exists():
                self.say(f"series {series}: more images came, {len(joined)} from {kept.parent.name} join them")
                self._remove(kept)

    def _folder_of(self, series: str) -> Path | None:
        return next((folder for folder in (self.waiting, self.outgoing) if (folder / series).exists()), None)

    def next_waiting(self) -> Path | None:
        """Return the series that has waited longest for its restoration."""
        return next(iter(sorted(self.waiting.iterdir(), key=lambda folder: folder.stat().st_mtime)), None)

    def sendable(self) -> list[Path]:
        """Return the series whose results are to be sent."""
        return sorted(self.outgoing.iterdir())

    def begin(self, job: Path) -> int:
        """Count, on disk, one more beginning of a restoration; return how many there were, this one included."""
        file = job / BEGUN
        count = int(file.read_text(encoding="ascii") or 0) + 1 if file.exists() else 1
        self._count(job, count)
        return count

    def forget(self, job: Path) -> None:
        """Take the last beginning back: it was broken off from outside."""
        self._count(job, max(0, int((job / BEGUN).read_text(encoding="ascii")) - 1))

    def _count(self, job: Path, count: int) -> None:
        with atomic(job / BEGUN) as temporary:
            temporary.write_text(str(count), encoding="ascii")

    def restored(self, job: Path) -> None:
        """Let a series go out whose result stands whole in its folder."""
        with self._lock:
            move(job, self.outgoing / job.name)

    def unsent(self, job: Path) -> list[Path]:
        """Return the images of a result that the archive has not confirmed."""
        noted = (job / SENT).read_text(encoding="utf-8").split("\n") if (job / SENT).exists() else []
        files = sorted((job / MADE).rglob("*.dcm"))
        return [file for file in files if file.relative_to(job).as_posix() not in noted]

    def confirm(self, job: Path, file: Path) -> None:
        """Note that the archive has an image; where the note is lost, the image is sent again, and is the same one.

        Args:
            job: folder of the series.
            file: of the image that was sent, below it.
        """
        with (job / SENT).open("a", encoding="utf-8") as notes:
            notes.write(file.relative_to(job).as_posix() + "\n")

    def sent(self, job: Path) -> None:
        """Put a series away whose result is sent."""
        with self._lock:
            self._remove(self.done / job.name)
            move(job, self.done / job.name)

    def refuse(self, job: Path, finding: str, remedy: str) -> None:
        """Set a series aside, with the reason beside it; no attribute of a patient is in there.

        Args:
            job: folder of the series.
            finding, remedy: sentences of the reason; UIDs in them are replaced by short names.
        """
        finding, remedy = self.ids.clean(finding), self.ids.clean(remedy)
        self._write_reason(job, finding, remedy)
        with self._lock:
            self._remove(self.quarantine / job.name)
            move(job, self.quarantine / job.name)
        self.say(f"series {job.name}: in quarantine: {finding}")

    def refuse_bytes(self, data: bytes, finding: str, remedy: str) -> None:
        """Set bytes aside that belong to no known series, with the reason beside them.

        Args:
            data: as they were received.
            finding, remedy: sentences of the reason.
        """
        name = hashlib.sha256(data).hexdigest()[:12]
        job = self.quarantine / f"unreadable-{name}"
        make_folder(job / RECEIVED)
        with atomic(job / RECEIVED / f"{name}.dcm") as temporary:
            temporary.write_bytes(data)
        self._write_reason(job, finding, remedy)
        self.say(f"an image is in quarantine: {finding}")

    def _write_reason(self, job: Path, finding: str, remedy: str) -> None:
        content: dict[str, Any] = {"finding": finding, "remedy": remedy, "images": len(_images(job))}
        write_json(job / REASON, {**content, "time": now().isoformat(timespec="seconds")})

    def expire(self, days: float) -> None:
        """Remove the series that were sent longer ago than this."""
        for job in sorted(self.done.iterdir()):
            with self._lock:
                if job.exists() and time.time() - job.stat().st_ctime >= 86400 * days:
                    self._remove(job)
                    self.say(f"series {job.name}: sent, and removed after {days:g} days")

    def bytes_in_work(self) -> int:
        """Return the size of all series in work."""
        return sum(bytes_below(folder) for folder in (self.collecting, self.waiting, self.outgoing))

    def bytes_refused(self) -> int:
        """Return the size of all series in quarantine."""
        return bytes_below(self.quarantine)

    def counts(self) -> dict[str, int]:
        """Return how many series lie in each folder."""
        folders = (self.collecting, self.waiting, self.outgoing, self.quarantine, self.done)
        return {folder.name: len(list(folder.iterdir())) for folder in folders}

    def _remove(self, folder: Path) -> None:
        """Remove a folder as if at once: it is moved away in one step."""
        if folder.exists():
            target = self._leaving / f"{folder.name}-{time.time_ns()}"
            move(folder, target)
            shutil.rmtree(target)


def _images(job: Path) -> list[Path]:
    """Return the received images of a series."""
    return sorted((job / RECEIVED).glob("[!.]*.dcm"))
