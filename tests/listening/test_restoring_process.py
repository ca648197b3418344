# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of restoring a series: in a process of its own, what cannot be restored is set aside, what has to wait waits."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from dicom_queue import SLICES, Machine, image
from pydicom.dataset import Dataset

from monai_strainer.errors import InputError
from monai_strainer.listening.restoring_process import Outcome, RestoringProcess
from monai_strainer.listening.series_queue import ATTEMPTS, MADE, RECEIVED
from monai_strainer.listening.settings import (
    Restoration,
)


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


def test_a_restoration_is_broken_off_when_the_listener_stops(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert RestoringProcess(Restoration(), stop)(tmp_path / "in", tmp_path / "out").kind == "stopped"


def test_a_prior_that_is_not_there_is_refused_before_anything_is_received(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        RestoringProcess(Restoration(prior=tmp_path / "none"), threading.Event()).check()
