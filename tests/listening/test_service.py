# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The listener as a whole: its log, its stop, and what it does after a kill."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from dicom_files import put, slice_of
from dicom_peers import SECRETS, SLICES, Archive, Service, send, wait_for

from monai_strainer.errors import InputError
from monai_strainer.listening import service
from monai_strainer.listening.restoring_process import Outcome, RestoringProcess
from monai_strainer.listening.settings import (
    Settings,
)


def test_the_log_names_no_patient_and_no_identifier(
    settings: Settings, archive: Archive, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A whole run in this process, with a restoration that refuses."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(RestoringProcess, "check", lambda self: None)
    uid = str(SLICES[0].SeriesInstanceUID)
    monkeypatch.setattr(RestoringProcess, "__call__", lambda *_: Outcome("refused", f"no: {uid}", f"look at {uid}"))
    lines: list[str] = []
    stop = threading.Event()
    thread = threading.Thread(target=service.listen, args=(settings, lines.append, stop))
    thread.start()
    try:
        wait_for(lambda: any(line.startswith("found") for line in lines))
        assert send(settings.listen.port, SLICES) == [0] * len(SLICES)
        wait_for(lambda: any("quarantine: no" in line for line in lines))
        with pytest.raises(InputError, match="another listener"):
            service.listen(settings, lines.append)
    finally:
        stop.set()
        thread.join()
    (reason,) = settings.folders.quarantine.rglob("reason.json")
    said = "\n".join([*lines, reason.read_text(), *map(str, settings.folders.queue.parent.rglob("*")), caplog.text])
    assert not [secret for secret in SECRETS if secret in said]
    assert lines[-1].startswith("stopped")


def test_without_pynetdicom_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pynetdicom", None)
    with pytest.raises(InputError, match=r"monai_strainer\[listen\]"):
        service.listen(settings, print)


@pytest.mark.slow
def test_a_service_that_is_killed_goes_on_and_the_archive_gets_the_whole_series(
    tmp_path: Path, archive: Archive
) -> None:
    """Killed with half of the series, and in the restoration, which goes with it; then stopped in order."""
    service = Service(tmp_path, archive.port)
    try:
        half = len(SLICES) // 2
        assert send(service.port, SLICES[:half], release=False) == [0] * half
        service.kill()
        archive.status = 0xA700
        service.start()
        assert send(service.port, SLICES[half:]) == [0] * (len(SLICES) - half)
        wait_for(lambda: "complete, 8 images" in service.said())
        wait_for(lambda: children(service.process.pid))
        restoring = children(service.process.pid)
        service.kill()
        wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in restoring))
        service.start()
        wait_for(lambda: "next try" in service.said())
        archive.status = 0
        wait_for(lambda: "sent, 8 images" in service.said())
        assert len(archive.images) == len(SLICES)
        assert {str(image.ImageType[-1]) for image in archive.images.values()} == {"DENOISED"}
        assert send(service.port, [put_modality(slice_of(k)) for k in range(4)]) == [0] * 4
        wait_for(lambda: "Modality (0008,0060) says CT" in service.said())
        assert service.stop() == 0 and service.said().rstrip().endswith("next start")
        assert not [secret for secret in SECRETS if secret in service.said()]
    finally:
        service.close()


def children(process: int) -> list[str]:
    """The processes that a process has started, as far as this system lists them."""
    lists = Path(f"/proc/{process}/task").glob("*/children")
    return " ".join(file.read_text() for file in lists).split() if Path("/proc/self/task").exists() else ["none"]


def put_modality(image: Any) -> Any:
    """The slice as one of another series, whose modality is wrong."""
    image.SeriesInstanceUID, image.SOPInstanceUID = "1.2.3.4.5", f"1.2.3.4.5.{image.InstanceNumber}"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    put("Modality", "CT")(0, image)
    return image
