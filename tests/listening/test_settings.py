# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Settings of the listener: nobody may call by default, and addresses are compared as addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from listener_settings import LEAST, read

from monai_strainer.listening.settings import Peer


def test_by_default_nobody_may_call_and_no_other_machine_can(tmp_path: Path) -> None:
    settings = read(tmp_path, LEAST)
    assert settings.allow == () and settings.listen.address == "127.0.0.1" and settings.tls is None


@pytest.mark.parametrize(
    ("peer", "address", "is_included"),
    [
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.4", False),
        ("10.1.2.0/24", "10.1.2.200", True),
        ("10.1.2.3", "::ffff:10.1.2.3", True),
        ("::1", "::1", True),
        ("127.0.0.1", "::1", False),
    ],
)
def test_an_address_is_compared_as_an_address(peer: str, address: str, is_included: bool) -> None:
    assert Peer("A", peer).includes(address) == is_included
