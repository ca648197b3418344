# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The MONAI Deploy operator of the docs carries a DICOM series to a derived one; the SDK is a stub of what it calls."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_files import SHAPE, series

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how_to" / "deploy_and_federate.md"


class Spec:
    """Names of the ports, as ``OperatorSpec`` collects them."""

    def __init__(self) -> None:
        self.inputs: list[str] = []
        self.outputs: list[str] = []

    def input(self, name: str) -> None:
        self.inputs.append(name)

    def output(self, name: str) -> None:
        self.outputs.append(name)


class Operator:
    """As in the SDK, ``setup`` is called while the operator is made."""

    def __init__(self, fragment: object, *args: object, **kwargs: object) -> None:
        self.spec = Spec()
        self.setup(self.spec)

    def setup(self, spec: Spec) -> None:
        raise NotImplementedError


class Ports:
    """Both ends of an operator; only ports that ``setup`` named may be used."""

    def __init__(self, spec: Spec, **received: object) -> None:
        self.spec, self.received = spec, received
        self.emitted: dict[str, Any] = {}

    def receive(self, name: str) -> object:
        assert name in self.spec.inputs
        return self.received[name]

    def emit(self, value: object, name: str) -> None:
        assert name in self.spec.outputs
        self.emitted[name] = value


def test_the_operator_of_the_docs_makes_a_derived_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk = ModuleType("monai.deploy.core")
    vars(sdk).update(Fragment=object, Operator=Operator, OperatorSpec=Spec)
    monkeypatch.setitem(sys.modules, "monai.deploy", ModuleType("monai.deploy"))
    monkeypatch.setitem(sys.modules, "monai.deploy.core", sdk)
    code = re.search(r"^```python\n(.*?class Restore\(Operator\).*?)^```", PAGE.read_text(), re.M | re.S)
    assert code
    names: dict[str, Any] = {}
    exec(compile(code[1], PAGE.name, "exec"), names)

    restore = names["Restore"](object(), output_folder=tmp_path / "out")
    ports = Ports(restore.spec, series_folder=series(tmp_path / "in"))
    restore.compute(ports, ports, None)

    made = [pydicom.dcmread(file) for file in sorted(ports.emitted["restored_folder"].glob("*.dcm"))]
    assert len(made) == SHAPE[2]
    assert len({image.SeriesInstanceUID for image in made}) == 1
    source = pydicom.dcmread(next((tmp_path / "in").iterdir()))
    for image in made:
        assert image.ImageType[0] == "DERIVED" and image.SeriesInstanceUID != source.SeriesInstanceUID
        assert (image.Columns, image.Rows) == (2 * SHAPE[0], 2 * SHAPE[1]) and image.BitsAllocated == 16
        np.testing.assert_allclose(image.PixelSpacing, np.array(source.PixelSpacing, float) / 2)
