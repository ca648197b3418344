# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A listener on this machine: its settings, an archive, certificates, and a queue without a network."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dicom_peers import Archive, Running, free_port
from dicom_queue import Machine

from monai_strainer.listening.settings import Destination, Folders, Limits, Listen, Peer, Sending, Series, Settings


@pytest.fixture
def machine(tmp_path: Path, no_fsync: None) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda handle: None)  # takes most of the time


@pytest.fixture
def archive() -> Iterator[Archive]:
    pytest.importorskip("pynetdicom", reason='pynetdicom is not installed: pip install "monai_strainer[listen]"')
    there = Archive()
    yield there
    there.close()


@pytest.fixture
def settings(tmp_path: Path, archive: Archive, no_fsync: None) -> Settings:
    return Settings(
        destination=Destination("PACS", "127.0.0.1", archive.port),
        folders=Folders(tmp_path / "queue", tmp_path / "quarantine", tmp_path / "done"),
        allow=(Peer("SCANNER", "127.0.0.1"),),
        listen=Listen(port=free_port()),
        series=Series(complete="association", quiet_seconds=60),
        limits=Limits(free_gib=0.01),
        sending=Sending(0.1, 0.5),
    )


@pytest.fixture
def running() -> Iterator[Callable[[Settings], Running]]:
    made: list[Running] = []

    def run(settings: Settings) -> Running:
        made.append(Running(settings))
        return made[-1]

    yield run
    for one in made:
        one.receiver.close(0.5)


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
        ("unknown", names),
    ):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run([*new, f"/CN={name}", *files, *more], cwd=home, check=True, capture_output=True)
    return home
