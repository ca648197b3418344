# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The queue on disk, without a network: what is stored stays, and a series is restored and sent as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dicom_files import put
from dicom_queue import SLICES, Machine, image

from monai_strainer.errors import InputError
from monai_strainer.listening.restoring_process import Outcome
from monai_strainer.listening.series_queue import REASON, RECEIVED, SeriesQueue
from monai_strainer.listening.settings import Folders


def test_a_series_is_restored_and_sent_as_a_whole(machine: Machine) -> None:
    series = machine.store(*SLICES)
    assert machine.work()
    assert sorted(machine.archive.values()) == sorted(b"restored " + data for data in SLICES)
    assert machine.queue.counts() == {"collecting": 0, "waiting": 0, "outgoing": 0, "quarantine": 0, "done": 1}
    assert machine.lines[-1] == f"series {series}: sent, 5 images"


def test_an_image_that_comes_twice_is_kept_once(machine: Machine) -> None:
    machine.store(*SLICES, *SLICES)
    machine.work()
    assert len(machine.archive) == 5


def test_a_series_is_complete_after_a_quiet_time_and_every_image_prolongs_it(machine: Machine) -> None:
    machine.store(SLICES[0])
    machine.time = 29
    machine.store(SLICES[1])
    machine.time = 58
    machine.queue.close_due(30)
    assert machine.queue.next_waiting() is None
    machine.time = 59
    machine.queue.close_due(30)
    assert machine.queue.next_waiting() is not None


def test_a_series_that_its_caller_ended_is_complete_unless_more_comes(machine: Machine) -> None:
    machine.queue.end(machine.store(*SLICES[:3]))
    machine.store(SLICES[3])
    machine.queue.close_due(30)
    assert machine.queue.next_waiting() is None
    machine.queue.end(machine.store(SLICES[4]))
    machine.queue.close_due(30)
    assert machine.queue.next_waiting() is not None


def test_images_that_come_while_the_series_is_in_work_join_it_afterwards(machine: Machine) -> None:
    machine.store(*SLICES[:4])
    machine.is_reachable = False
    machine.work()
    machine.store(SLICES[4])
    machine.time += 100
    machine.queue.close_due(30)
    assert machine.queue.counts()["collecting"] == 1, "it waits for the first part"
    machine.is_reachable = True
    machine.work()
    assert len(machine.archive) == 4
    machine.work()
    assert len(machine.archive) == 5 and machine.restored == 2


def test_a_series_that_comes_again_is_sent_again_and_not_restored_again(machine: Machine) -> None:
    machine.store(*SLICES)
    machine.work()
    machine.archive.clear()
    machine.store(*SLICES)
    machine.work()
    assert len(machine.archive) == 5 and machine.restored == 1


def test_a_part_of_a_series_that_comes_again_changes_nothing(machine: Machine) -> None:
    machine.store(*SLICES)
    machine.work()
    machine.archive.clear()
    machine.store(*SLICES[:2])
    machine.work()
    assert not machine.archive and machine.restored == 1 and machine.queue.counts()["collecting"] == 0


def test_an_image_that_is_known_while_its_series_is_in_work_is_not_stored_again(machine: Machine) -> None:
    machine.store(*SLICES)
    machine.time += 100
    machine.queue.close_due(30)
    machine.store(*SLICES)
    machine.work()
    machine.work()
    assert machine.restored == 1 and machine.queue.counts()["collecting"] == 0


def test_a_refused_series_is_set_aside_with_a_reason_and_more_images_give_it_another_try(machine: Machine) -> None:
    machine.outcome = Outcome("refused", "slices are missing in 1.2.840.10008.99.1", "send all")
    series = machine.store(*SLICES[:4])
    machine.work()
    reason = json.loads((machine.folders.quarantine / series / REASON).read_text())
    assert reason["finding"].startswith("slices are missing in id ") and reason["images"] == 4
    assert "1.2.840" not in json.dumps(reason) + "".join(machine.lines)
    machine.outcome = Outcome("made")
    machine.store(SLICES[4])
    machine.work()
    assert len(machine.archive) == 5 and machine.queue.counts()["quarantine"] == 0


def test_other_bytes_under_one_identifier_are_both_kept_for_the_reader_to_judge(machine: Machine) -> None:
    series = machine.store(*SLICES, image(0, put("EchoTime", "9")))
    machine.time += 100
    machine.queue.close_due(30)
    assert len(list((machine.queue.waiting / series / RECEIVED).iterdir())) == 6


def test_a_corrected_series_takes_the_place_of_the_one_in_quarantine(machine: Machine) -> None:
    machine.outcome = Outcome("refused", "no", "no")
    machine.store(*SLICES)
    machine.work()
    machine.outcome = Outcome("made")
    machine.store(*(image(k, put("EchoTime", "9")) for k in range(5)))
    machine.work()
    assert len(machine.archive) == 5 and all(b"9 " in data for data in machine.archive.values())


def test_what_was_sent_is_removed_after_some_days(machine: Machine) -> None:
    machine.store(*SLICES)
    machine.work()
    machine.queue.expire(1)
    assert machine.queue.counts()["done"] == 1
    machine.queue.expire(0)
    assert machine.queue.counts()["done"] == 0


def test_the_size_of_what_lies_there_is_known(machine: Machine) -> None:
    machine.store(*SLICES)
    assert machine.queue.bytes_in_work() == sum(map(len, SLICES))
    machine.queue.refuse_bytes(b"noise", "not DICOM", "send DICOM")
    assert machine.queue.bytes_refused() > 5


def test_folders_of_two_file_systems_are_refused(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    with pytest.raises(InputError, match="different file systems"):
        SeriesQueue(Folders(tmp_path / "queue", tmp_path / "quarantine", other), print)
