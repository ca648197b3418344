# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of sending: the archive gets every image once, however long it is away."""

from __future__ import annotations

import json
from pathlib import Path

from dicom_peers import SLICES as IMAGES
from dicom_peers import Archive, wait_for
from dicom_queue import SLICES, Machine

from monai_strainer.listening.send import Sender, deliver_to
from monai_strainer.listening.series_queue import REASON, SeriesQueue
from monai_strainer.listening.settings import (
    Settings,
)


def test_an_archive_that_is_away_gets_everything_later_with_waits_that_double(machine: Machine) -> None:
    machine.is_reachable = False
    machine.store(*SLICES)
    machine.work()
    assert [machine.sender.send_all() for _ in range(4)] == [2, 4, 4, 4]
    machine.is_reachable = True
    assert machine.sender.send_all() == 0 and len(machine.archive) == 5


def test_what_the_archive_has_confirmed_is_not_sent_again(machine: Machine) -> None:
    machine.store(*SLICES)
    machine.status = 0xA700
    machine.work()
    (job,) = machine.queue.sendable()
    machine.queue.confirm(job, machine.queue.unsent(job)[0])
    machine.status = 0
    machine.work()
    assert len(machine.archive) == 4 and machine.queue.counts()["done"] == 1


def test_a_result_that_the_archive_refuses_for_good_is_set_aside(machine: Machine) -> None:
    machine.status = 0xA900
    series = machine.store(*SLICES)
    machine.work()
    assert "A900" in json.loads((machine.folders.quarantine / series / REASON).read_text())["finding"]


def test_the_archive_is_asked_again_until_it_has_all(settings: Settings, archive: Archive, tmp_path: Path) -> None:
    lines: list[str] = []
    queue = SeriesQueue(settings.folders, lines.append)
    job = queue.outgoing / "0123"
    (job / "made").mkdir(parents=True)
    for k, image in enumerate(IMAGES):
        image.save_as(job / "made" / f"{k}.dcm", enforce_file_format=True)
    sender = Sender(queue, deliver_to(settings), settings.sending)
    archive.status = 0xA700
    assert sender.send_all() > 0 and not archive.images
    archive.close()
    assert sender.send_all() > 0 and "no connection" in lines[-1]
    back = Archive(port=archive.port)
    try:
        wait_for(lambda: sender.send_all() == 0, 200)
        assert len(back.images) == len(IMAGES)
    finally:
        back.close()
        archive.server = back.server  # closed already
        archive.close = lambda: None  # type: ignore[method-assign]
    assert queue.counts()["done"] == 1
