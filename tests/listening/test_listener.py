# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The listener on loopback between a scanner and an archive: whom it takes, what it confirms, what it sends."""

from __future__ import annotations

import logging
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dicom_files import SHAPE, put, slice_of

pytest.importorskip("pynetdicom", reason='pynetdicom is not installed: pip install "monai_strainer[listen]"')

from dicom_peers import Archive, Service, free_port, send, wait_for

from monai_strainer.errors import InputError
from monai_strainer.listening import receive, service
from monai_strainer.listening.connection import client_context, require_pynetdicom, server_context
from monai_strainer.listening.receive import NO_SPACE, UNREADABLE, Receiver
from monai_strainer.listening.restoring_process import Outcome, RestoringProcess
from monai_strainer.listening.send import Sender, Unreachable, deliver_to
from monai_strainer.listening.series_queue import SeriesQueue
from monai_strainer.listening.settings import (
    Destination,
    Folders,
    Limits,
    Listen,
    Peer,
    Restoration,
    Sending,
    Series,
    Settings,
    Tls,
)

SLICES = [slice_of(k) for k in range(SHAPE[2])]
SECRETS = ("SECRET", "4711", "19500101", str(SLICES[0].SeriesInstanceUID), str(SLICES[0].StudyInstanceUID))


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda handle: None)  # takes most of the time


@pytest.fixture
def archive() -> Iterator[Archive]:
    there = Archive()
    yield there
    there.close()


@pytest.fixture
def settings(tmp_path: Path, archive: Archive) -> Settings:
    return Settings(
        destination=Destination("PACS", "127.0.0.1", archive.port),
        folders=Folders(tmp_path / "queue", tmp_path / "quarantine", tmp_path / "done"),
        allow=(Peer("SCANNER", "127.0.0.1"),),
        listen=Listen(port=free_port()),
        series=Series(complete="association", quiet_seconds=60),
        limits=Limits(free_gib=0.01),
        sending=Sending(0.1, 0.5),
    )


class Running:
    """A receiver of this process, and what it says."""

    def __init__(self, settings: Settings) -> None:
        require_pynetdicom()
        self.lines: list[str] = []
        self.queue = SeriesQueue(settings.folders, self.lines.append)
        self.receiver = Receiver(settings, self.queue)
        self.port = settings.listen.port


@pytest.fixture
def running() -> Iterator[Callable[[Settings], Running]]:
    made: list[Running] = []

    def run(settings: Settings) -> Running:
        made.append(Running(settings))
        return made[-1]

    yield run
    for one in made:
        one.receiver.close(0.5)


def received(settings: Settings) -> list[Path]:
    """All images that lie in the queue."""
    return sorted(settings.folders.queue.rglob("*.dcm"))


def test_what_is_confirmed_is_on_disk_as_it_was_sent(settings: Settings, running: Any) -> None:
    here = running(settings)
    assert send(here.port, SLICES) == [0] * len(SLICES)
    import pydicom

    stored = {str(image.SOPInstanceUID): image for image in map(pydicom.dcmread, received(settings))}
    assert all(stored[str(image.SOPInstanceUID)].PixelData == image.PixelData for image in SLICES)


def test_an_image_that_cannot_be_written_is_not_confirmed(
    settings: Settings, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = running(settings)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert send(here.port, SLICES[:1]) == [NO_SPACE]
    assert not received(settings)


def test_a_series_is_complete_when_its_caller_releases_the_association(settings: Settings, running: Any) -> None:
    here = running(settings)
    send(here.port, SLICES)
    wait_for(lambda: here.queue._ended)
    here.queue.close_due(60)
    assert here.queue.next_waiting() is not None


def test_a_series_of_a_broken_association_waits_for_the_quiet_time(settings: Settings, running: Any) -> None:
    here = running(settings)
    send(here.port, SLICES, release=False)

    def forgotten() -> bool:
        here.receiver.forget_broken()
        return any("broke off" in line for line in here.lines)

    wait_for(forgotten)
    here.queue.close_due(60)
    assert here.queue.next_waiting() is None


def test_an_echo_is_answered(settings: Settings, running: Any) -> None:
    from pynetdicom import AE

    here = running(settings)
    entity = AE("SCANNER")
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", here.port, ae_title="STRAINER")
    assert association.send_c_echo().Status == 0
    association.release()


@pytest.mark.parametrize(
    ("calling", "called", "peers"),
    [
        ("SCANNER", "STRAINER", ()),
        ("OTHER", "STRAINER", (Peer("SCANNER", "127.0.0.1"),)),
        ("SCANNER", "OTHER", (Peer("SCANNER", "127.0.0.1"),)),
        ("SCANNER", "STRAINER", (Peer("SCANNER", "10.0.0.0/8"),)),
        ("SCANNER", "STRAINER", (Peer("SCANNER", "10.0.0.0/8"), Peer("OTHER", "127.0.0.1"))),
    ],
)
def test_only_callers_on_the_list_are_served(
    settings: Settings, running: Any, calling: str, called: str, peers: tuple[Peer, ...]
) -> None:
    here = running(replace(settings, allow=peers))
    assert send(here.port, SLICES[:1], calling, called) == [] and not received(settings)


def test_a_caller_that_is_not_on_the_list_learns_why(settings: Settings, running: Any) -> None:
    from pynetdicom import AE

    here = running(settings)
    entity = AE("OTHER")
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", here.port, ae_title="STRAINER")
    assert association.is_rejected and association.acceptor.primitive.diagnostic == 3  # calling AE title


def test_a_network_may_be_allowed(settings: Settings, running: Any) -> None:
    here = running(replace(settings, allow=(Peer("SCANNER", "127.0.0.0/8"),)))
    assert send(here.port, SLICES[:1]) == [0]


def test_what_is_no_mr_image_is_not_negotiated(settings: Settings, running: Any) -> None:
    here = running(settings)
    assert send(here.port, [], kind="1.2.840.10008.5.1.4.1.1.2") == []  # CT
    assert not received(settings)


def test_an_image_without_a_series_is_refused_and_set_aside(settings: Settings, running: Any) -> None:
    here = running(settings)
    image = slice_of(0)
    del image.SeriesInstanceUID
    assert send(here.port, [image]) == [UNREADABLE]
    (reason,) = settings.folders.quarantine.rglob("reason.json")
    assert "SeriesInstanceUID" in reason.read_text()


@pytest.mark.parametrize(
    "limits", [Limits(free_gib=1e9), Limits(free_gib=0, queue_gib=0), Limits(free_gib=0, quarantine_gib=0)]
)
def test_a_full_disk_refuses_and_the_caller_keeps_its_image(settings: Settings, running: Any, limits: Limits) -> None:
    here = running(replace(settings, limits=limits))
    here.queue.store("1.2.3", "1.2.3.4", b"something")
    here.queue.refuse_bytes(b"something", "no", "no")
    here.receiver.measure()
    assert send(here.port, SLICES[:1]) == [NO_SPACE]


def test_a_bound_port_is_refused(settings: Settings, running: Any) -> None:
    running(settings)
    with pytest.raises(InputError, match="cannot be bound"):
        running(settings)


def test_the_archive_is_asked_again_until_it_has_all(settings: Settings, archive: Archive, tmp_path: Path) -> None:
    lines: list[str] = []
    queue = SeriesQueue(settings.folders, lines.append)
    job = queue.outgoing / "0123"
    (job / "made").mkdir(parents=True)
    for k, image in enumerate(SLICES):
        image.save_as(job / "made" / f"{k}.dcm", enforce_file_format=True)
    sender = Sender(queue, deliver_to(settings), settings.sending)
    archive.status = 0xA700
    assert sender.send_all() > 0 and not archive.images
    archive.close()
    assert sender.send_all() > 0 and "no connection" in lines[-1]
    back = Archive(port=archive.port)
    try:
        wait_for(lambda: sender.send_all() == 0, 200)
        assert len(back.images) == len(SLICES)
    finally:
        back.close()
        archive.server = back.server  # closed already
        archive.close = lambda: None  # type: ignore[method-assign]
    assert queue.counts()["done"] == 1


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


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a certificate that it has signed, and one that it has not; made by openssl."""
    home, program = tmp_path_factory.mktemp("tls"), shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    new = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    for name, more in (
        ("authority", []),
        ("ours", [*names, "-CA", "authority.pem", "-CAkey", "authority.key"]),
        ("foreign", names),
    ):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run([*new, f"/CN={name}", *files, *more], cwd=home, check=True, capture_output=True)
    return home


def test_with_tls_both_sides_show_a_certificate_of_the_authority(
    settings: Settings, running: Any, certificates: Path, archive: Archive
) -> None:
    tls = Tls(*(certificates / name for name in ("ours.pem", "ours.key", "authority.pem")))
    foreign = ssl.create_default_context(cafile=certificates / "authority.pem")
    foreign.load_cert_chain(certificates / "foreign.pem", certificates / "foreign.key")
    here = running(replace(settings, tls=tls))
    assert send(here.port, SLICES[:1]) == [], "without TLS"
    assert send(here.port, SLICES[:1], tls=foreign) == [], "a certificate of nobody"
    assert send(here.port, SLICES[:1], tls=client_context(tls)) == [0]
    there = Archive(tls=server_context(tls))
    try:
        secured = replace(settings, tls=tls, destination=Destination("PACS", "127.0.0.1", there.port))
        file = received(settings)[0]
        assert [status for _, status in deliver_to(secured)([file])] == [0] and len(there.images) == 1
        with pytest.raises(Unreachable):  # the archive speaks no TLS: nothing is sent in the clear
            list(deliver_to(replace(settings, tls=tls))([file]))
    finally:
        there.close()
    assert not archive.images


def test_a_silent_caller_does_not_shut_others_out(
    settings: Settings, running: Any, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "PATIENCE", 0.3)
    tls = Tls(*(certificates / name for name in ("ours.pem", "ours.key", "authority.pem")))
    here = running(replace(settings, tls=tls))
    with socket.create_connection(("127.0.0.1", here.port)):
        assert send(here.port, SLICES[:1], tls=client_context(tls)) == [0]


def test_a_restoration_is_broken_off_when_the_listener_stops(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert RestoringProcess(Restoration(), stop)(tmp_path / "in", tmp_path / "out").kind == "stopped"


def test_a_prior_that_is_not_there_is_refused_before_anything_is_received(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        RestoringProcess(Restoration(prior=tmp_path / "none"), threading.Event()).check()


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
    """The processes that a process has started, as far as this system tells."""
    lists = Path(f"/proc/{process}/task").glob("*/children")
    return " ".join(file.read_text() for file in lists).split() if Path("/proc/self/task").exists() else ["none"]


def put_modality(image: Any) -> Any:
    """The slice as one of another series, whose modality is wrong."""
    image.SeriesInstanceUID, image.SOPInstanceUID = "1.2.3.4.5", f"1.2.3.4.5.{image.InstanceNumber}"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    put("Modality", "CT")(0, image)
    return image
