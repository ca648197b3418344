# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""With TLS both sides show a certificate; without the package its extra is named."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dicom_peers import SLICES, Archive, received, send

from monai_strainer.listening.connection import client_context, server_context
from monai_strainer.listening.send import Unreachable, deliver_to
from monai_strainer.listening.settings import (
    Destination,
    Settings,
    Tls,
)


def test_with_tls_both_sides_show_a_certificate_of_the_authority(
    settings: Settings, running: Any, certificates: Path, archive: Archive
) -> None:
    tls = Tls(*(certificates / name for name in ("ours.pem", "ours.key", "authority.pem")))
    unknown = ssl.create_default_context(cafile=certificates / "authority.pem")
    unknown.load_cert_chain(certificates / "unknown.pem", certificates / "unknown.key")
    here = running(replace(settings, tls=tls))
    assert send(here.port, SLICES[:1]) == [], "without TLS"
    assert send(here.port, SLICES[:1], tls=unknown) == [], "a certificate of no known authority"
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
