# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Receiving on loopback: whom the listener takes, what it confirms, and what it refuses."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dicom_files import slice_of

pytest.importorskip("pynetdicom", reason='pynetdicom is not installed: pip install "monai_strainer[listen]"')

from dicom_peers import SLICES, received, send, wait_for

from monai_strainer.errors import InputError
from monai_strainer.listening import receive
from monai_strainer.listening.connection import client_context
from monai_strainer.listening.receive import NO_SPACE, UNREADABLE
from monai_strainer.listening.settings import (
    Limits,
    Peer,
    Settings,
    Tls,
)


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


def test_a_silent_caller_does_not_shut_others_out(
    settings: Settings, running: Any, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "PATIENCE", 0.3)
    tls = Tls(*(certificates / name for name in ("ours.pem", "ours.key", "authority.pem")))
    here = running(replace(settings, tls=tls))
    with socket.create_connection(("127.0.0.1", here.port)):
        assert send(here.port, SLICES[:1], tls=client_context(tls)) == [0]
