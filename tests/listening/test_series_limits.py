# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Limits of a series and of how many are in work: what is beyond them is refused, said once, and set aside."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dicom_files import put, slice_of
from dicom_queue import SLICES, Machine, image
from pydicom.dataset import Dataset

from monai_strainer.listening.restoring_process import restore_next
from monai_strainer.listening.series_limits import OverLimit
from monai_strainer.listening.settings import Limits, Settings

FEW = Limits(free_gib=0.01, series_images=4)


def of_series(name: str) -> Any:
    """A change that puts an image into another series."""
    return put("SeriesInstanceUID", f"1.2.3.4.5.{len(name)}.{ord(name[0])}")


def reason(machine: Machine, series: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((machine.folders.quarantine / series / "reason.json").read_text())
    return found


@pytest.mark.parametrize(
    ("limits", "words"),
    [(FEW, "4 images"), (Limits(series_gib=4.5 * len(SLICES[0]) / 2**30), "GiB")],
)
def test_a_series_that_is_too_large_is_set_aside_and_not_restored(tmp_path: Path, limits: Limits, words: str) -> None:
    machine = Machine(tmp_path, limits)
    series = machine.store(*SLICES[:4])
    with pytest.raises(OverLimit, match=words):
        machine.store(SLICES[4])
    assert machine.store(SLICES[0]) == series  # known already: it takes no room
    assert machine.work() and machine.restored == 0
    assert words in reason(machine, series)["finding"] and reason(machine, series)["images"] == 4


def test_images_of_a_series_that_was_set_aside_or_sent_count(tmp_path: Path) -> None:
    machine = Machine(tmp_path, replace(FEW, series_images=3))
    machine.store(*SLICES[:3])
    machine.work()
    assert machine.queue.counts()["done"] == 1
    for queue in (machine, Machine(tmp_path, replace(FEW, series_images=3))):  # the next start counts them too
        with pytest.raises(OverLimit):
            queue.store(SLICES[3])
    assert machine.queue.counts()["collecting"] == 0
    raised = Machine(tmp_path, replace(FEW, series_images=5))
    raised.store(*SLICES)
    assert raised.work() and len(raised.archive) == 5


def test_the_same_identifier_with_other_bytes_takes_room(tmp_path: Path) -> None:
    machine = Machine(tmp_path, replace(FEW, series_images=2))
    for text in ("a", "b"):
        machine.store(image(0, put("StudyDescription", text)))
    with pytest.raises(OverLimit):
        machine.store(image(0, put("StudyDescription", "c")))


def test_new_series_are_refused_while_too_many_are_in_work(tmp_path: Path) -> None:
    machine = Machine(tmp_path, replace(FEW, series_in_work=2, series_images=9))
    machine.is_reachable = False
    machine.store(*SLICES[:3])
    machine.work()  # one is restored and cannot be sent
    machine.store(image(0, of_series("other")))
    with pytest.raises(OverLimit, match="2 series are in work"):
        machine.store(image(0, of_series("third")))
    machine.store(image(1, of_series("other")))  # a series that is in work may go on
    machine.is_reachable, machine.time = True, 1e6
    machine.sender.send_all()
    machine.store(image(0, of_series("third")))


def test_an_image_that_could_not_be_written_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, replace(FEW, series_images=1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            machine.store(SLICES[0])
    machine.store(SLICES[0])


def test_a_caller_that_sends_too_much_is_refused_by_status_and_said_once(settings: Settings, running: Any) -> None:
    pytest.importorskip("pynetdicom", reason='pynetdicom is not installed: pip install "monai_strainer[listen]"')
    from dicom_peers import SLICES as IMAGES
    from dicom_peers import received, send, wait_for

    from monai_strainer.listening.receive import NO_SPACE

    here = running(replace(settings, limits=replace(FEW, series_in_work=1)))
    assert send(here.port, IMAGES) == [0] * 4 + [NO_SPACE] * (len(IMAGES) - 4)
    other: Dataset = slice_of(0)
    of_series("other")(0, other)
    assert send(here.port, [other, other]) == [NO_SPACE] * 2
    assert len(received(settings)) == 4
    refused = [line for line in here.lines if line.startswith("refused from SCANNER at 127.0.0.1")]
    assert len(refused) == 2 and "more than 4 images" in refused[0] and "1 series are in work" in refused[1]
    wait_for(lambda: here.queue._ended)
    here.queue.close_due(60)
    assert restore_next(here.queue, lambda *_: pytest.fail("it is restored"), 1)
    (file,) = settings.folders.quarantine.rglob("reason.json")
    assert "more than 4 images" in file.read_text()
    assert send(here.port, [other]) == [0]  # there is room for another one again
