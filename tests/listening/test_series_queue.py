# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The queue on disk, without a network: what is stored stays, and a series is restored and sent as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

import pytest
from dicom_files import put, slice_of
from pydicom.dataset import Dataset

from monai_strainer.errors import InputError
from monai_strainer.io.dicom.identity import identify
from monai_strainer.listening.restoring_process import Outcome, restore_next
from monai_strainer.listening.send import Sender, Unreachable
from monai_strainer.listening.series_queue import ATTEMPTS, MADE, REASON, RECEIVED, SeriesQueue
from monai_strainer.listening.settings import Folders, Sending
from monai_strainer.storage.atomic import atomic_folder


def image(k: int, change: Callable[[int, Dataset], None] = lambda k, image: None) -> bytes:
    """The bytes of one slice."""
    made, buffer = slice_of(k), BytesIO()
    change(k, made)
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


class Machine:
    """A queue with a clock of its own, a restoration that copies, and an archive in memory."""

    def __init__(self, home: Path) -> None:
        self.time, self.lines, self.restored = 0.0, list[str](), 0
        self.archive: dict[str, bytes] = {}
        self.status, self.is_reachable = 0, True
        self.outcome = Outcome("made")
        self.folders = Folders(home / "queue", home / "quarantine", home / "done")
        self.queue = SeriesQueue(self.folders, self.lines.append, lambda: self.time)
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


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr("os.fsync", lambda handle: None)  # takes most of the time
    return Machine(tmp_path)


SLICES = [image(k) for k in range(5)]


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


def test_results_of_ours_and_parts_of_a_series_are_not_restored(machine: Machine) -> None:
    def ours(k: int, made: Dataset) -> None:
        made.SeriesInstanceUID = "1.2.3.4.5"
        made.ContributingEquipmentSequence = [Dataset()]
        made.ContributingEquipmentSequence[0].ManufacturerModelName = "monai_strainer"

    machine.store(*(image(k, ours) for k in range(5)))
    machine.store(*SLICES[:2])
    machine.work()
    machine.work()
    assert machine.restored == 0 and machine.queue.counts()["quarantine"] == 2
    assert any("a result of monai_strainer" in line for line in machine.lines)
    assert any("2 images are fewer than fewest_images of 3" in line for line in machine.lines)


def test_a_restoration_that_never_answers_is_set_aside_after_some_tries(machine: Machine) -> None:
    machine.outcome = Outcome("died")
    machine.store(*SLICES)
    assert [machine.work() for _ in range(ATTEMPTS + 1)] == [None] * ATTEMPTS + [True]
    assert machine.queue.counts()["quarantine"] == 1


@pytest.mark.parametrize("kind", ["later", "stopped"])
def test_a_restoration_that_has_to_wait_is_tried_for_as_long_as_it_takes(machine: Machine, kind: str) -> None:
    machine.outcome = Outcome(kind, "the disk is full", "make space")  # type: ignore[arg-type]
    machine.store(*SLICES)
    assert [machine.work() for _ in range(2 * ATTEMPTS)] == [None] * 2 * ATTEMPTS
    machine.outcome = Outcome("made")
    assert machine.work() and len(machine.archive) == 5


def test_a_whole_result_of_a_killed_process_is_not_made_again(machine: Machine) -> None:
    series = machine.store(*SLICES)
    machine.time += 100
    machine.queue.close_due(30)
    job = machine.queue.waiting / series
    machine.restore(job / RECEIVED, job / MADE)
    machine.work()
    assert machine.restored == 1 and len(machine.archive) == 5


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


def test_short_names_are_those_of_the_queue_and_tell_nothing_elsewhere(machine: Machine, tmp_path: Path) -> None:
    assert Machine(tmp_path).store(SLICES[0]) == machine.store(SLICES[0]) != Machine(tmp_path / "b").store(SLICES[0])


def test_folders_of_two_file_systems_are_refused(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    with pytest.raises(InputError, match="different file systems"):
        SeriesQueue(Folders(tmp_path / "queue", tmp_path / "quarantine", other), print)
