# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The pages in a real browser, from the file system: nothing is fetched, everything is there, the controls work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from phantoms import small_head, small_prior

from monai_strainer import save_prior, write
from monai_strainer.cli import main

OPTIONS = """
    headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update
    disable-sync window-size=1200,1700
"""
pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def browser(program: Callable[[str], str]) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium")
    for word in OPTIONS.split():
        options.add_argument(f"--{word}")
    service = webdriver.ChromeService(program("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("pages")
    for k in range(3):
        write(small_head((22, 26, 10), noise=10.0 * (3 - k), seed=k), home / "in" / f"scan{k}.nii.gz")
    save_prior(small_prior(), home / "bundle")
    words = ["restore", home / "in", home / "out", "--prior", home / "bundle", "--steps", "2", "--quiet"]
    assert main([str(word) for word in words]) == 0
    return home / "out"


def test_a_scan_page_shows_and_moves(browser: Any, pages: Path) -> None:
    browser.get((pages / "scan0.html").as_uri())
    assert "Super-resolution" in browser.find_element("tag name", "h1").text
    figures = browser.find_elements("css selector", "figure[data-plane]")
    assert len(figures) == 3
    shown = browser.execute_script("return [...document.images].map((i) => i.complete && i.naturalWidth)")
    assert len(shown) == 12 and all(shown)
    image = figures[0].find_element("css selector", ".under")
    before = image.get_attribute("src")
    browser.execute_script(
        "const r = arguments[0].querySelector('.height'); r.value = 0; r.dispatchEvent(new Event('input'))", figures[0]
    )
    assert image.get_attribute("src") != before
    cut = "return getComputedStyle(document.documentElement).getPropertyValue('--cut')"
    browser.execute_script(
        "const r = document.getElementById('cut'); r.value = 80; r.dispatchEvent(new Event('input'))"
    )
    assert browser.execute_script(cut) == "80%"
    button = browser.find_element("id", "flicker")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert browser.execute_script(cut) == "80%"
    colour = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(colour)
    browser.find_element("id", "theme").click()
    assert browser.execute_script(colour) != light
    for words in ("times the noise", "prior sha256", "correlation between neighbours", "entropy focus criterion"):
        assert words in browser.find_element("tag name", "body").text
    assert browser.find_elements("css selector", "#curve path")
    assert not browser.get_log("browser")


def test_the_index_sorts(browser: Any, pages: Path) -> None:
    browser.get((pages / "index.html").as_uri())
    column = [head.text for head in browser.find_elements("css selector", "th")].index("noise percent")

    def values() -> list[float]:
        rows = browser.find_elements("css selector", "#cohort tbody tr")
        return [float(row.find_elements("tag name", "td")[column].text) for row in rows]

    head = browser.find_elements("css selector", "th")[column]
    head.click()
    assert values() == sorted(values()) and head.get_attribute("aria-sort") == "ascending"
    head.click()
    assert values() == sorted(values(), reverse=True) and len(set(values())) == 3
    browser.find_element("link text", "scan1.nii.gz").click()
    assert browser.current_url.endswith("scan1.html")
    assert not browser.get_log("browser")
