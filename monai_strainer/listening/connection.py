# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Set up what receiving and sending have in common: the package that speaks DICOM, kept quiet, and TLS."""

from __future__ import annotations

import logging
import ssl

from ..errors import InputError
from .settings import Tls

__all__ = ["client_context", "require_pynetdicom", "server_context"]


def require_pynetdicom() -> None:
    """Make sure that pynetdicom is there, and that its log, which quotes identifiers, is not written.

    Raises:
        InputError: it is not installed.
    """
    try:
        from pynetdicom import _config
    except ImportError as error:
        raise InputError(
            "the package pynetdicom is not installed", 'install it with pip install "monai_strainer[listen]"'
        ) from error
    _config.LOG_HANDLER_LEVEL = "none"
    for name in ("pynetdicom", "pydicom"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False


def server_context(tls: Tls) -> ssl.SSLContext:
    """Return TLS for callers; each has to show a certificate of the authority.

    Raises:
        InputError: a file holds no certificate or key, or they do not belong together.
    """
    context = _loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tls)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(tls: Tls) -> ssl.SSLContext:
    """Return TLS to an archive; it has to show a certificate of the authority that names its host.

    Raises:
        InputError: see :func:`server_context`.
    """
    return _loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), tls)


def _loaded(context: ssl.SSLContext, tls: Tls) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(tls.authority)
        context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or "the key has a password"
        raise InputError(
            f"[tls] the files cannot be used ({reason})", "check certificate, key and authority"
        ) from error
    except OSError as error:
        raise InputError(f"[tls] a file cannot be read ({error.strerror})", "check its rights") from error
    return context


def _no_password() -> str:
    raise ValueError("a service cannot be asked for a password")
