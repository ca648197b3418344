# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Declare every setting of the listener once: one dataclass a table of its configuration file."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, fields
from pathlib import Path

from ..errors import InputError
from ..restoring.options import RestoreOptions

__all__ = [
    "Destination",
    "Folders",
    "Limits",
    "Listen",
    "Peer",
    "Restoration",
    "Sending",
    "Series",
    "Settings",
    "Tls",
]

TITLE = re.compile(r"[A-Za-z0-9_. -]{1,16}")  # a subset of what the standard permits in an AE title
COMPLETE = ("quiet", "association")


@dataclass(frozen=True)
class Listen:
    """Where the listener waits for series.

    Args:
        ae_title: the name that callers have to call.
        port: of TCP.
        address: to bind; by default other machines cannot reach it.
        associations: that may be open at the same time.
    """

    ae_title: str = "STRAINER"
    port: int = 11112
    address: str = "127.0.0.1"
    associations: int = 10

    def __post_init__(self) -> None:
        _title("listen", self.ae_title)
        _port("listen", self.port)
        _least("listen", "associations", self.associations, 1)


@dataclass(frozen=True)
class Peer:
    """Who may call.

    Args:
        ae_title: that the caller gives.
        address: IP address that it calls from, or a network such as ``10.1.2.0/24``.
    """

    ae_title: str
    address: str

    def __post_init__(self) -> None:
        _title("allow", self.ae_title)
        try:
            ipaddress.ip_network(self.address)
        except ValueError as error:
            raise InputError(
                f"[[allow]] address {self.address!r} is no address", "give one like 10.1.2.3 or 10.1.2.0/24"
            ) from error

    def includes(self, address: str) -> bool:
        """Return whether an address of a connection is this one, or lies in this network."""
        found = ipaddress.ip_address(address.partition("%")[0])
        mapped = getattr(found, "ipv4_mapped", None)
        return (mapped or found) in ipaddress.ip_network(self.address)


@dataclass(frozen=True)
class Destination:
    """The archive that gets the results.

    Args:
        ae_title: of the archive.
        host: name or address.
        port: of TCP.
    """

    ae_title: str
    host: str
    port: int

    def __post_init__(self) -> None:
        _title("destination", self.ae_title)
        _port("destination", self.port)


@dataclass(frozen=True)
class Tls:
    """Files for TLS, in PEM form.

    Args:
        certificate: of the listener.
        key: of that certificate.
        authority: certificate of the authority that signed those of the other side.
    """

    certificate: Path
    key: Path
    authority: Path

    def __post_init__(self) -> None:
        for one in fields(self):
            if not getattr(self, one.name).is_file():
                raise InputError(f"[tls] {one.name} is not there", "name a PEM file", getattr(self, one.name))


@dataclass(frozen=True)
class Series:
    """When a series is complete.

    Args:
        complete: ``"quiet"`` waits until nothing has arrived for a while; ``"association"`` takes a series as complete
            when the caller releases the association that brought it, and falls back on the quiet time after an abort.
        quiet_seconds: without a new image.
        fewest_images: a series of fewer single-frame images goes to the quarantine: parts of a series, localizers.
    """

    complete: str = "quiet"
    quiet_seconds: float = 30.0
    fewest_images: int = 3

    def __post_init__(self) -> None:
        if self.complete not in COMPLETE:
            raise InputError(f"[series] complete is {self.complete!r}", f"choose from {', '.join(COMPLETE)}")
        _least("series", "quiet_seconds", self.quiet_seconds, 0)
        _least("series", "fewest_images", self.fewest_images, 1)


@dataclass(frozen=True)
class Folders:
    """Where series lie; all on one file system.

    Args:
        queue: series in work.
        quarantine: series that were refused, with the reason.
        done: series whose results were sent.
    """

    queue: Path
    quarantine: Path
    done: Path


@dataclass(frozen=True)
class Limits:
    """How much disk is used; beyond it images are refused as "out of resources", and the caller keeps them.

    Args:
        queue_gib: of all series in work.
        series_gib: of one series, what is kept of it after it was sent or refused included.
        series_images: of one series, counted in the same way; a file of many frames is one image.
        series_in_work: series that arrive, wait or are sent at the same time; more are refused until some are sent.
        quarantine_gib: of all series refused.
        free_gib: what stays free on the disk.
        done_days: after which a series that was sent is removed, with its result; 0 keeps none.
    """

    queue_gib: float = 20.0
    series_gib: float = 4.0
    series_images: int = 5000
    series_in_work: int = 500
    quarantine_gib: float = 10.0
    free_gib: float = 2.0
    done_days: float = 7.0

    def __post_init__(self) -> None:
        for one in fields(self):
            _least("limits", one.name, getattr(self, one.name), 1 if one.type == "int" else 0)


@dataclass(frozen=True)
class Sending:
    """Seconds to wait before a send is tried again; every wait is twice the one before.

    Args:
        first_wait: the first one.
        longest_wait: no wait is longer.
    """

    first_wait: float = 10.0
    longest_wait: float = 600.0

    def __post_init__(self) -> None:
        _least("sending", "first_wait", self.first_wait, 0.01)
        _least("sending", "longest_wait", self.longest_wait, self.first_wait)


@dataclass(frozen=True)
class Restoration:
    """How series are restored, and what is sent; the options of ``RestoreOptions`` stand in the same table.

    Args:
        scale: one factor, or one per array axis; 1 denoises.
        spacing: voxel size in mm to reach; goes before ``scale``.
        std: also send the standard deviation.
        parametric_map: send it as one Parametric Map in place of a second MR series.
        prior: bundle folder; by default the one that comes with the package.
        device: auto, cpu, cuda or cuda:N.
        options: all others, by name.
    """

    scale: tuple[float, ...] = (2.0,)
    spacing: tuple[float, ...] | None = None
    std: bool = False
    parametric_map: bool = False
    prior: Path | None = None
    device: str = "auto"
    options: RestoreOptions = field(default_factory=RestoreOptions)


@dataclass(frozen=True)
class Settings:
    """All that the configuration file says, one field a table; see ``examples/listen.toml``.

    Args:
        destination: archive that gets the results.
        folders: where series lie.
        allow: who may call; nobody by default.
        listen: name, port and address of the listener.
        series: when a series is complete.
        limits: how much disk is used.
        sending: how failed sending is tried again.
        restore: how series are restored.
        tls: encryption of both directions; None for none.
    """

    destination: Destination
    folders: Folders
    allow: tuple[Peer, ...] = ()
    listen: Listen = field(default_factory=Listen)
    series: Series = field(default_factory=Series)
    limits: Limits = field(default_factory=Limits)
    sending: Sending = field(default_factory=Sending)
    restore: Restoration = field(default_factory=Restoration)
    tls: Tls | None = None


def _title(table: str, title: str) -> None:
    if not TITLE.fullmatch(title) or not title.strip():
        raise InputError(f"[{table}] ae_title is {title!r}", "give 1 to 16 letters, digits, spaces, or one of _ . -")


def _port(table: str, port: int) -> None:
    if not 0 < port < 65536:
        raise InputError(f"[{table}] port is {port}", "give a number from 1 to 65535")


def _least(table: str, key: str, value: float, least: float) -> None:
    if not value >= least:
        raise InputError(f"[{table}] {key} is {value:g}", f"give {least:g} or more")
