# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Orthanc sends a series to the listener and gets the restored one back; programs of dcmtk query and retrieve it."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pydicom
import pytest
from dicom_files import SHAPE, series
from dicom_peers import Service, free_port, wait_for

pytestmark = [pytest.mark.external, pytest.mark.filterwarnings("ignore")]
pytest.importorskip("pynetdicom", reason='pynetdicom is not installed: pip install "monai_strainer[listen]"')

ALLOW = "".join(f'[[allow]]\nae_title = "{title}"\naddress = "127.0.0.1"\n' for title in ("PACS", "SCANNER"))


def asked(url: str, data: Any = None) -> Any:
    body = None if data is None else data if isinstance(data, bytes) else json.dumps(data).encode()
    return json.loads(urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=60).read())


@pytest.fixture
def archive(pacs: Callable[..., AbstractContextManager[str]], tmp_path: Path) -> Any:
    """Orthanc, the port of its DICOM side, and the listener that it knows."""
    http, peer = free_port(), free_port()
    service = Service(tmp_path, peer, ALLOW, restore="scale = 2\nstd = true")
    (tmp_path / "orthanc").mkdir()
    known = {"strainer": ["STRAINER", "127.0.0.1", service.port], "asker": ["ASKER", "127.0.0.1", free_port()]}
    try:
        with pacs(tmp_path / "orthanc", http, peer, DicomAet="PACS", DicomModalities=known) as url:
            yield url, peer, service
    finally:
        service.close()


def test_an_archive_sends_a_series_and_gets_it_back_restored(archive: Any, program: Any, tmp_path: Path) -> None:
    url, peer, service = archive
    find, get = program("findscu"), program("getscu")
    for file in series(tmp_path / "in").iterdir():
        asked(f"{url}/instances", file.read_bytes())
    (source,) = asked(f"{url}/series")
    asked(f"{url}/modalities/strainer/echo", {})
    assert asked(f"{url}/modalities/strainer/store", source)["FailedInstancesCount"] == 0
    wait_for(lambda: f"sent, {2 * SHAPE[2]} images" in service.said())

    study = str(pydicom.dcmread(next((tmp_path / "in").iterdir())).StudyInstanceUID)
    asking = [
        "-S",
        "-aet",
        "ASKER",
        "-aec",
        "PACS",
        "-k",
        "QueryRetrieveLevel=SERIES",
        "-k",
        f"StudyInstanceUID={study}",
    ]
    keys = ["-k", "SeriesInstanceUID", "-k", "SeriesDescription", "-k", "SeriesNumber"]
    (tmp_path / "found").mkdir()
    subprocess.run([find, *asking, *keys, "-X", "-od", tmp_path / "found", "127.0.0.1", str(peer)], check=True)
    answers = [pydicom.dcmread(file, force=True) for file in sorted((tmp_path / "found").iterdir())]
    found = {str(answer.SeriesDescription): str(answer.SeriesInstanceUID) for answer in answers}
    assert set(found) == {"T1", "T1 STRAINER SRx2", "T1 STRAINER SRx2 std"}

    (tmp_path / "got").mkdir()
    wanted = ["-k", f"SeriesInstanceUID={found['T1 STRAINER SRx2']}"]
    subprocess.run([get, *asking, *wanted, "-od", tmp_path / "got", "127.0.0.1", str(peer)], check=True)
    images = [pydicom.dcmread(file) for file in (tmp_path / "got").iterdir()]
    assert len(images) == SHAPE[2]
    assert {(image.Columns, image.Rows) for image in images} == {(2 * SHAPE[0], 2 * SHAPE[1])}
    assert {str(image.PatientID) for image in images} == {"ID-4711"}

    # a rule that sends all that arrives would send results back: they are set aside, and nothing goes round in circles
    (ours,) = (
        one
        for one in asked(f"{url}/series")
        if asked(f"{url}/series/{one}")["MainDicomTags"]["SeriesDescription"].split()[-1] == "SRx2"
    )
    assert asked(f"{url}/modalities/strainer/store", ours)["FailedInstancesCount"] == 0
    wait_for(lambda: "is a result of monai_strainer" in service.said())
    assert len(asked(f"{url}/series")) == 3
    assert "SECRET" not in service.said() and study not in service.said()


def test_storescu_sends_and_a_caller_off_the_list_is_rejected(archive: Any, program: Any, tmp_path: Path) -> None:
    url, _, service = archive
    store, folder = program("storescu"), series(tmp_path / "in")
    command = [store, "-aec", "STRAINER", "+sd", "127.0.0.1", str(service.port), str(folder)]
    assert subprocess.run([command[0], "-aet", "OTHER", *command[1:]], capture_output=True).returncode != 0
    assert subprocess.run([command[0], "-aet", "SCANNER", *command[1:]], capture_output=True).returncode == 0
    wait_for(lambda: f"sent, {2 * SHAPE[2]} images" in service.said())
    assert len(asked(f"{url}/series")) == 2
