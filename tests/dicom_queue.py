# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A queue of the listener on disk, with a clock, a restoration and an archive of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

from dicom_files import slice_of
from pydicom.dataset import Dataset

from monai_strainer.io.dicom.identity import identify
from monai_strainer.listening.restoring_process import Outcome, restore_next
from monai_strainer.listening.send import Sender, Unreachable
from monai_strainer.listening.series_queue import SeriesQueue
from monai_strainer.listening.settings import Folders, Limits, Sending
from monai_strainer.storage.atomic import atomic_folder


def image(k: int, change: Callable[[int, Dataset], None] = lambda k, image: None) -> bytes:
    """The bytes of one slice."""
    made, buffer = slice_of(k), BytesIO()
    change(k, made)
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


class Machine:
    """A queue with a clock of its own, a restoration that copies, and an archive in memory."""

    def __init__(self, home: Path, limits: Limits | None = None) -> None:
        self.time, self.lines, self.restored = 0.0, list[str](), 0
        self.archive: dict[str, bytes] = {}
        self.status, self.is_reachable = 0, True
        self.outcome = Outcome("made")
        self.folders = Folders(home / "queue", home / "quarantine", home / "done")
        self.queue = SeriesQueue(self.folders, self.lines.append, lambda: self.time, limits)
        self.sender = Sender(self.queue, self._deliver, Sending(1, 4))

    def store(self, *images: bytes) -> str:
        for data in images:
            found = identify(data)
            series = self.queue.store(found.series, found.instance, data)
        return series

    def restore(self, source: Path, target: Path) -> Outcome:
        self.restored += 1
        if self.outcome.kind == "made":
            with atomic_folder(target) as folder:
                for file in sorted(source.glob("*.dcm")):
                    (folder / f"{file.name[:12]}.dcm").write_bytes(b"restored " + file.read_bytes())
        return self.outcome

    def _deliver(self, files: Sequence[Path]) -> Iterator[tuple[Path, int]]:
        for file in files:
            if not self.is_reachable:
                raise Unreachable("no connection")
            if self.status == 0:
                self.archive[file.name] = file.read_bytes()
            yield file, self.status

    def work(self) -> bool | None:
        """Close what has been quiet, restore one series, send all."""
        self.time += 100
        self.queue.close_due(30)
        done = restore_next(self.queue, self.restore, 3)
        self.sender.send_all()
        return done


SLICES = [image(k) for k in range(5)]
