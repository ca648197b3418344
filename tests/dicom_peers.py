# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Both sides of a listener on this machine: a scanner that sends, and an archive that keeps."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pydicom
from dicom_files import SHAPE, slice_of
from phantoms import small_prior

from monai_strainer import save_prior
from monai_strainer.listening.connection import require_pynetdicom
from monai_strainer.listening.series_queue import SeriesQueue
from monai_strainer.listening.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
MR = "1.2.840.10008.5.1.4.1.1.4"
SLICES = [slice_of(k) for k in range(SHAPE[2])]
SECRETS = ("SECRET", "4711", "19500101", str(SLICES[0].SeriesInstanceUID), str(SLICES[0].StudyInstanceUID))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(true: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


class Archive:
    """A Storage SCP that keeps images in memory, by their identifier; it may answer with an error."""

    def __init__(self, title: str = "PACS", port: int = 0, tls: Any = None) -> None:
        from pynetdicom import AE, evt

        self.port, self.images, self.received, self.status = port or free_port(), dict[str, Any](), 0, 0
        entity = AE(title)
        entity.add_supported_context(MR)
        entity.add_supported_context(pydicom.uid.ParametricMapStorage)
        handlers = [(evt.EVT_C_STORE, self._store)]
        self.server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers, ssl_context=tls)

    def _store(self, event: Any) -> int:
        self.received += 1
        if not self.status:
            image = event.dataset
            image.file_meta = event.file_meta
            self.images[str(image.SOPInstanceUID)] = image
        return self.status

    def close(self) -> None:
        self.server.shutdown()


def send(
    port: int,
    images: Sequence[Any],
    calling: str = "SCANNER",
    called: str = "STRAINER",
    release: bool = True,
    tls: Any = None,
    kind: str = MR,
) -> list[int]:
    """Send images over one association; returns the statuses, none where the association was rejected."""
    from pynetdicom import AE

    entity = AE(calling)
    entity.acse_timeout = entity.connection_timeout = 10
    entity.add_requested_context(kind)
    association = entity.associate("127.0.0.1", port, ae_title=called, tls_args=tls and (tls, "localhost"))
    if not association.is_established:
        return []
    statuses = [int(getattr(association.send_c_store(image), "Status", -1)) for image in images]
    if release:
        association.release()
    else:
        association.abort()
    return statuses


class Service:
    """``monai-strainer listen`` as a process."""

    def __init__(self, home: Path, archive: int, more: str = "", restore: str = "scale = 1") -> None:
        self.home, self.port = home, free_port()
        self.config, self.log = home / "listen.toml", home / "log"
        if not (home / "prior").exists():
            save_prior(small_prior(), home / "prior")
        parts = {
            "listen": f"port = {self.port}",
            "destination": f'ae_title = "PACS"\nhost = "127.0.0.1"\nport = {archive}',
            "folders": "".join(f'{name} = "{name}"\n' for name in ("queue", "quarantine", "done")),
            "sending": "first_wait = 0.2\nlongest_wait = 1",
            "limits": "free_gib = 0.1",
            "restore": f'prior = "prior"\ndevice = "cpu"\nsteps = 0\n{restore}',
        }
        text = "".join(f"[{name}]\n{lines}\n" for name, lines in parts.items())
        if "[series]" not in more:
            more += '[series]\nquiet_seconds = 300\ncomplete = "association"\n'
        if "[[allow]]" not in more:
            more += '[[allow]]\nae_title = "SCANNER"\naddress = "127.0.0.1"\n'
        self.config.write_text(text + more)
        self.start()

    def start(self) -> None:
        """Start, and wait until callers are served."""
        begun = self.said().count(" found ")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "monai_strainer.cli", "listen", "--config", str(self.config)],
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        wait_for(lambda: self.said().count(" found ") > begun or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it in order."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()


class Running:
    """A receiver of this process, and what it says."""

    def __init__(self, settings: Settings) -> None:
        require_pynetdicom()
        from monai_strainer.listening.receive import Receiver

        self.lines: list[str] = []
        self.queue = SeriesQueue(settings.folders, self.lines.append, limits=settings.limits)
        self.receiver = Receiver(settings, self.queue)
        self.port = settings.listen.port


def received(settings: Settings) -> list[Path]:
    """All images that lie in the queue."""
    return sorted(settings.folders.queue.rglob("*.dcm"))
