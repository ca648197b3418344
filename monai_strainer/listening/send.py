# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Send results to the archive, and try again for as long as it takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .connection import client_context
from .series_queue import SeriesQueue
from .settings import Sending, Settings

__all__ = ["Deliver", "Sender", "Unreachable", "deliver_to"]

Deliver = Callable[[Sequence[Path]], Iterator[tuple[Path, int]]]
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"  # transfer syntaxes, little endian
NOT_SUPPORTED = 0x0122
OPENING, ANSWER = 10.0, 60.0  # seconds that an archive may take to open an association, and to answer


class Unreachable(Exception):
    """The archive does not answer, or does not take images now."""


class Sender:
    """Send the results of a queue, with waits that double while the archive cannot be reached.

    Args:
        queue: of series.
        deliver: sends files and yields each with the status of the answer; raises Unreachable.
        waits: see ``settings.Sending``.
        stop: breaks off between two images.
    """

    def __init__(
        self, queue: SeriesQueue, deliver: Deliver, waits: Sending, stop: threading.Event | None = None
    ) -> None:
        self._queue, self._deliver, self._waits, self._failed = queue, deliver, waits, 0
        self._stop = stop or threading.Event()

    def send_all(self) -> float:
        """Send what can be sent; return the seconds to wait before the next try."""
        for job in self._queue.sendable():
            try:
                self._send(job)
            except Unreachable as error:
                pause = min(self._waits.first_wait * 2.0 ** min(self._failed, 30), self._waits.longest_wait)
                self._failed += 1
                self._queue.say(f"series {job.name}: not sent ({error}); next try in {pause:g} s")
                return pause
            self._failed = 0
        return 0.0

    def _send(self, job: Path) -> None:
        """Send one result; a refusal that a further try does not change puts it into quarantine."""
        total = len(files := self._queue.unsent(job))
        for file, status in self._deliver(files) if files else ():
            if status == 0 or status >> 12 == 0xB:  # success, or success with a warning
                self._queue.confirm(job, file)
            elif status >> 8 == 0xA7:
                raise Unreachable("it is out of resources")
            else:
                remedy = "see the log of the archive, then send the series again"
                self._queue.refuse(job, f"the archive refuses the result with status {status:04X}", remedy)
                return
            if self._stop.is_set():
                break
        if self._queue.unsent(job):
            raise Unreachable("it broke off")
        self._queue.sent(job)
        self._queue.say(f"series {job.name}: sent, {total} images")


def deliver_to(settings: Settings) -> Deliver:
    """Return what sends files to the archive of the settings, over one association for each call."""
    from pynetdicom import AE
    from pynetdicom.sop_class import MRImageStorage, ParametricMapStorage  # type: ignore[attr-defined]

    entity = AE(ae_title=settings.listen.ae_title)
    entity.connection_timeout = entity.acse_timeout = OPENING
    entity.dimse_timeout = entity.network_timeout = ANSWER
    for kind in (MRImageStorage, ParametricMapStorage):
        entity.add_requested_context(kind, [EXPLICIT, IMPLICIT])
    there = settings.destination
    tls = None if settings.tls is None else (client_context(settings.tls), there.host)

    def deliver(files: Sequence[Path]) -> Iterator[tuple[Path, int]]:
        try:
            association = entity.associate(there.host, there.port, ae_title=there.ae_title, tls_args=tls)
        except (OSError, RuntimeError, ValueError) as error:  # as for a host name that nobody knows
            raise Unreachable("no connection") from error
        if not association.is_established:
            raise Unreachable("it rejects the association" if association.is_rejected else "no connection")
        try:
            for file in files:
                try:
                    answer: Any = association.send_c_store(file)
                except ValueError:  # the archive took the association, and not this kind of image
                    yield file, NOT_SUPPORTED
                    continue
                except RuntimeError as error:
                    raise Unreachable("it broke off") from error
                if "Status" not in answer:
                    raise Unreachable("no answer")
                yield file, int(answer.Status)
        finally:
            if association.is_established:
                association.release()

    return deliver
