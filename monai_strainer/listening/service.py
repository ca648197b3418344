# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run the listener: receive, restore and send side by side, until it is stopped."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import InputError
from ..storage.atomic import make_folder
from ..storage.marks import Busy, hold
from .connection import require_pynetdicom
from .restoring_process import RestoringProcess, restore_next
from .send import Sender, deliver_to
from .series_queue import SeriesQueue
from .settings import Settings

if TYPE_CHECKING:  # it needs pynetdicom
    from .receive import Receiver

__all__ = ["listen"]

TICK, MEASURE, LATER = 0.25, 5.0, 60.0  # seconds between looks at the queue, at the disk, and tries that had to wait
MARK = ".listening"


def listen(settings: Settings, say: Callable[[str], None], stop: threading.Event | None = None) -> None:
    """Receive, restore and send until a signal comes or ``stop`` is set; the next call goes on where this one ended.

    Args:
        settings: see ``examples/listen.toml``.
        say: takes one line for the log; called by several threads.
        stop: ends the listener; SIGTERM and SIGINT set it where this runs in the main thread.

    Raises:
        InputError: pynetdicom is not installed, a folder, address, prior or device cannot be used, or another listener
            has the queue.
    """
    require_pynetdicom()
    from .receive import Receiver

    stop = stop or threading.Event()
    with _private(), _alone(settings), _until_signal(stop):
        queue = SeriesQueue(settings.folders, say, limits=settings.limits)
        restore = RestoringProcess(settings.restore, stop)
        sender = Sender(queue, deliver_to(settings), settings.sending, stop)
        restore.check()
        receiver = Receiver(settings, queue)
        _greet(settings, queue, say)
        steps = (
            lambda: _close_step(settings, queue, receiver),
            lambda: _restore_step(settings, queue, restore),
            lambda: max(TICK, sender.send_all()),
            lambda: _measure_step(settings, queue, receiver),
        )
        work = [threading.Thread(target=_repeat, args=(stop, say, step)) for step in steps]
        try:
            for thread in work:
                thread.start()
            while not stop.wait(1.0):
                pass  # a wait without an end would not notice signals everywhere
        finally:
            stop.set()
            receiver.close()
            for thread in work:
                thread.join()
            say("stopped; what is in the queue goes on with the next start")


def _close_step(settings: Settings, queue: SeriesQueue, receiver: Receiver) -> float:
    """Close series that are complete; return the seconds until the next look."""
    receiver.forget_broken()
    queue.close_due(settings.series.quiet_seconds)
    return TICK


def _restore_step(settings: Settings, queue: SeriesQueue, restore: RestoringProcess) -> float:
    """Restore one series; return the seconds until the next look."""
    done = restore_next(queue, restore, settings.series.fewest_images)
    return LATER if done is None else 0.0 if done else TICK


def _measure_step(settings: Settings, queue: SeriesQueue, receiver: Receiver) -> float:
    """Remove what is old, and look after the disk; return the seconds until the next look."""
    queue.expire(settings.limits.done_days)
    receiver.measure()
    return MEASURE


def _repeat(stop: threading.Event, say: Callable[[str], None], step: Callable[[], float]) -> None:
    """Take a step again and again until stopped; each returns how long to wait for the next."""
    while not stop.is_set():
        try:
            pause = step()
        except Exception as error:  # as for a full disk: nothing is lost, and the text may quote a path
            say(f"not done now: {type(error).__name__} ({getattr(error, 'strerror', None) or 'no reason given'})")
            pause = LATER
        stop.wait(pause)


@contextmanager
def _private() -> Iterator[None]:
    """Let no other account of this machine read what is written: it is of patients."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the queue; the system lets go of it when the process ends, however it ends."""
    make_folder(settings.folders.queue)
    mark = settings.folders.queue / MARK
    try:
        with hold(mark):
            yield
    except Busy as error:
        raise InputError("another listener has the queue", "stop it, or name another queue") from error


@contextmanager
def _until_signal(stop: threading.Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT end the listener in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {kind: signal.signal(kind, lambda *_: stop.set()) for kind in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _greet(settings: Settings, queue: SeriesQueue, say: Callable[[str], None]) -> None:
    """Say where callers find the listener, whom it takes, and what it found in its folders."""
    here, there = settings.listen, settings.destination
    secured = "with TLS" if settings.tls else "without TLS"
    say(f"{here.ae_title} listens on {here.address} port {here.port} {secured}; callers allowed: {len(settings.allow)}")
    say(f"results go to {there.ae_title} at {there.host} port {there.port}")
    if not settings.allow:
        say("nobody may call: add [[allow]] to the configuration file")
    counts = queue.counts()
    say("found " + ", ".join(f"{count} {name}" for name, count in counts.items()))
