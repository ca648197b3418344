# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Receive MR images from callers that are allowed, and confirm each once it is safe on disk."""

from __future__ import annotations

import shutil
import socket
import threading
from collections import defaultdict
from socketserver import TCPServer
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer

from ..errors import InputError
from ..io.dicom.identity import identify, readable_syntaxes
from .connection import server_context
from .series_limits import OverLimit
from .series_queue import SeriesQueue
from .settings import Settings

__all__ = ["Receiver"]

VERIFICATION = "1.2.840.10008.1.1"
KINDS = tuple("1.2.840.10008.5.1.4.1.1.4" + end for end in ("", ".1", ".4"))  # MR, Enhanced MR, Legacy Converted
SUCCESS, NO_SPACE, MISMATCH, UNREADABLE = 0x0000, 0xA700, 0xA900, 0xC000
REJECTED, BY_USER, UNKNOWN_CALLER = 1, 1, 3  # of an association, permanently
PATIENCE = 10.0  # seconds for a TLS handshake: one at a time, so that a silent caller cannot shut others out for long
GIB = 2.0**30


class Receiver:
    """A Storage SCP and a Verification SCP.

    Args:
        settings: addresses, callers, limits, TLS.
        queue: takes the images.

    Raises:
        InputError: the address cannot be bound, or the files of TLS cannot be used.
    """

    def __init__(self, settings: Settings, queue: SeriesQueue) -> None:
        self._settings, self._queue = settings, queue
        self._open: defaultdict[Any, set[str]] = defaultdict(set)  # series that an association has brought
        self._refused: defaultdict[Any, set[str]] = defaultdict(set)  # by association: reasons that are in the log
        self._lock = threading.Lock()
        self._is_full = False
        entity = AE(ae_title=settings.listen.ae_title)
        entity.require_called_aet = True
        entity.maximum_associations = settings.listen.associations
        for kind in KINDS:
            entity.add_supported_context(kind, readable_syntaxes())
        entity.add_supported_context(VERIFICATION)
        handlers: Any = [
            (evt.EVT_REQUESTED, self._admit),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_RELEASED, self._released),
        ]
        here = settings.listen
        try:
            server: Any = entity.make_server(
                (here.address, here.port),
                ssl_context=None if settings.tls is None else server_context(settings.tls),
                evt_handlers=handlers,
                server_class=_Server,
            )
        except OSError as error:
            raise InputError(
                f"port {here.port} of {here.address} cannot be bound ({error.strerror})", "choose another in [listen]"
            ) from error
        server.receiver = self
        self._server = server
        entity._servers.append(server)  # where its shutdown takes it away from
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def close(self, patience: float = 5.0) -> None:
        """Take no more callers; give those that are connected a moment to end, then abort them."""
        open_ = self._server.active_associations
        self._server.shutdown()
        for association in open_:
            association.join(patience / len(open_))
            if association.is_alive():
                association.abort()

    def forget_broken(self) -> None:
        """Forget associations that ended without a release: their series wait for the quiet time."""
        with self._lock:
            broken = {one: self._open.pop(one) for one in [*self._open] if not one.is_alive()}
            for one in [one for one in self._refused if not one.is_alive()]:
                del self._refused[one]
        for brought in broken.values():
            self._queue.say(f"an association broke off; it had brought series {', '.join(sorted(brought))}")

    def measure(self) -> None:
        """Look how much the queue and the quarantine hold; while it is too much, images are refused."""
        limits, queue = self._settings.limits, self._queue
        is_full = queue.bytes_in_work() > limits.queue_gib * GIB or queue.bytes_refused() > limits.quarantine_gib * GIB
        if is_full != self._is_full:
            queue.say("a limit of disk is reached: images are refused" if is_full else "images are taken again")
        self._is_full = is_full

    def is_allowed(self, address: str, title: str | None = None) -> bool:
        """Return whether a caller may call from an address, or under a title from an address.

        Args:
            address: IP address of the caller.
            title: AE title that it gives; None asks about the address alone.
        """
        return any(peer.includes(address) and title in (None, peer.ae_title) for peer in self._settings.allow)

    def _admit(self, event: Any) -> None:
        """Reject an association of a caller who is not on the list."""
        caller = event.assoc.requestor
        title, address = str(caller.primitive.calling_ae_title).strip(), str(caller.address)
        if not self.is_allowed(address, title):
            self._queue.say(f"rejected: {_plain(title)} from {address} is not on the list [[allow]]")
            event.assoc.acse.send_reject(REJECTED, BY_USER, UNKNOWN_CALLER)
            event.assoc.kill()  # waits until the answer is out

    def _store(self, event: Any) -> int:
        """Store one image; the answer is given when it is on disk."""
        data: bytes = event.encoded_dataset()
        try:
            image = identify(data)
            if image.instance != str(event.request.AffectedSOPInstanceUID):
                return MISMATCH
            if self._is_full or shutil.disk_usage(self._queue.collecting).free < self._settings.limits.free_gib * GIB:
                return NO_SPACE
            series = self._queue.store(image.series, image.instance, data)
        except OverLimit as error:
            self._say_once(event.assoc, error.finding)
            return NO_SPACE
        except InputError as error:
            try:
                self._queue.refuse_bytes(data, error.finding, error.remedy)
            except OSError:
                return NO_SPACE
            return UNREADABLE
        except OSError as error:
            self._queue.say(f"an image cannot be written ({error.strerror})")
            return NO_SPACE
        with self._lock:
            self._open[event.assoc].add(series)
        return SUCCESS

    def _say_once(self, association: Any, finding: str) -> None:
        """Say why images of a caller are refused: once an association, not once an image."""
        with self._lock:
            is_new = finding not in self._refused[association]
            self._refused[association].add(finding)
        if is_new:
            caller = association.requestor
            self._queue.say(f"refused from {_plain(str(caller.ae_title).strip())} at {caller.address}: {finding}")

    def _released(self, event: Any) -> None:
        """Take series as complete that no other open association brings."""
        with self._lock:
            brought = self._open.pop(event.assoc, set())
            self._refused.pop(event.assoc, None)
            others = set().union(*self._open.values())
        if brought:
            caller = event.assoc.requestor
            text = ", ".join(sorted(brought))
            self._queue.say(f"{_plain(str(caller.ae_title).strip())} from {caller.address} brought series {text}")
        if self._settings.series.complete == "association":
            for series in brought - others:
                self._queue.end(series)


class _Server(ThreadedAssociationServer):  # type: ignore[misc]
    """Serve only addresses on the list: others are closed before a handshake or a byte of theirs is read."""

    receiver: Receiver

    def get_request(self) -> tuple[socket.socket, Any]:
        caller, address = TCPServer.get_request(self)
        if not self.receiver.is_allowed(address[0]):
            caller.close()
            self.receiver._queue.say(f"rejected: the address {address[0]} is not on the list [[allow]]")
            raise OSError("an address that is not on the list")
        if self.ssl_context is None:
            return caller, address
        caller.settimeout(PATIENCE)
        try:
            secured = self.ssl_context.wrap_socket(caller, server_side=True)
        except OSError:
            caller.close()
            self.receiver._queue.say(f"rejected: no TLS with {address[0]}")
            raise
        secured.settimeout(None)
        return secured, address


def _plain(title: str) -> str:
    """Return the title of a caller as one short word for the log, whatever it holds."""
    return "".join(letter if letter.isprintable() else "?" for letter in title)[:16]
