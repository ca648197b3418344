# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The pages in a real browser, from the file system: nothing is fetched, everything is there, the controls work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phantoms import small_head, small_prior
from stacks import three

from monai_strainer import Grid, Volume, fuse, load_prior, restore, save_prior, write
from monai_strainer.cli import main
from monai_strainer.reporting.fused_page import fused_page
from monai_strainer.reporting.html import page_of

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


READY = "return document.getElementById('viewer').getAttribute('aria-busy') === null"
MEAN = """
const { width, height } = arguments[0], copy = Object.assign(document.createElement("canvas"), { width, height });
const context = copy.getContext("2d", { willReadFrequently: true });
context.drawImage(arguments[0], 0, 0);
const data = context.getImageData(0, 0, width, height).data;
return data.reduce((sum, value) => sum + value, 0) / data.length
"""
QUARTER = """
const [canvas, right, low] = arguments, copy = document.createElement("canvas");
const context = copy.getContext("2d", { willReadFrequently: true });
copy.width = copy.height = 1;
const place = [(0.25 + right / 2) * canvas.width, (0.25 + low / 2) * canvas.height, 1, 1, 0, 0, 1, 1];
context.drawImage(canvas, ...place);
return context.getImageData(0, 0, 1, 1).data[0]
"""
FRAME = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"


def drawn(browser: Any, canvas: Any) -> float:
    """The mean of a canvas after the next frame."""
    browser.execute_async_script(FRAME)
    return float(browser.execute_script(MEAN, canvas))


def move(browser: Any, control: Any, value: float) -> None:
    """Move a slider, in one script: a frame in between would draw it where it stood."""
    browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", control, value
    )


@pytest.fixture
def scan_page(browser: Any, pages: Path) -> Any:
    waiting = pytest.importorskip("selenium.webdriver.support.ui")
    browser.get((pages / "scan0.html").as_uri())
    waiting.WebDriverWait(browser, 20).until(lambda driver: driver.execute_script(READY))
    return browser


def test_a_scan_page_shows_three_planes_with_their_directions(scan_page: Any) -> None:
    assert scan_page.find_element("tag name", "h1").text.startswith("scan0.nii.gz")
    figures = scan_page.find_elements("css selector", "figure[data-plane]")
    assert len(figures) == 3
    for canvas in scan_page.find_elements("tag name", "canvas"):
        assert drawn(scan_page, canvas) > 65  # black is 63.75: opaque, without light
        assert "slice" in canvas.get_attribute("aria-label")
    marks = [[mark.text for mark in figure.find_elements("css selector", ".pair .mark")] for figure in figures]
    assert marks == [["R", "L", "A", "P"], ["R", "L", "S", "I"], ["A", "P", "S", "I"]]
    for words in (
        "times the noise",
        "prior sha256",
        "correlation between neighbours",
        "entropy focus criterion",
        "monai-strainer restore scan0.nii.gz",
        "arXiv:2409.09566",
        "scan units",
    ):
        assert words in scan_page.find_element("tag name", "body").text
    assert scan_page.find_elements("css selector", "#curve path")
    assert not scan_page.get_log("browser")


def test_a_scan_page_moves_zooms_and_flickers(scan_page: Any) -> None:
    figure = scan_page.find_element("css selector", "figure[data-plane]")
    pair, lower = figure.find_elements("tag name", "canvas")
    slider, where = figure.find_element("css selector", ".slice"), figure.find_element("css selector", ".where")
    before = drawn(scan_page, pair)
    move(scan_page, slider, 1)
    assert drawn(scan_page, pair) != before and "slice 2 of 10" in where.text
    pair.send_keys("\ue013")  # the arrow that points up
    scan_page.execute_async_script(FRAME)
    assert "slice 3 of 10" in where.text
    before = drawn(scan_page, pair)
    pair.send_keys("+")
    assert drawn(scan_page, pair) != before and scan_page.find_element("id", "zoom-now").text == "1.5x"
    before = drawn(scan_page, lower)
    scan_page.find_element("css selector", "input[value=residual]").click()
    assert drawn(scan_page, lower) != before
    assert [bar.is_displayed() for bar in scan_page.find_elements("css selector", ".bar")] == [False, True]
    before = drawn(scan_page, lower)
    scan_page.find_element("id", "over").click()
    assert drawn(scan_page, lower) != before
    assert "over the result" in lower.get_attribute("aria-label")
    scan_page.find_element("id", "over").click()
    assert drawn(scan_page, lower) == before
    cut = scan_page.find_element("id", "cut")
    move(scan_page, cut, 100)
    only_input = drawn(scan_page, pair)
    assert figure.find_element("css selector", ".l").is_displayed()
    assert not figure.find_element("css selector", ".r").is_displayed()
    scan_page.find_element("tag name", "body").send_keys("s")
    assert drawn(scan_page, pair) != only_input
    button = scan_page.find_element("id", "flicker")
    for pressed in ("true", "false"):
        button.click()
        assert button.get_attribute("aria-pressed") == pressed
    assert drawn(scan_page, pair) == only_input  # where the slider stands
    assert not scan_page.get_log("browser")


def test_a_click_moves_the_other_planes(scan_page: Any) -> None:
    figures = scan_page.find_elements("css selector", "figure[data-plane]")
    scan_page.execute_async_script(FRAME)
    words = [figure.find_element("css selector", ".where").text for figure in figures]
    click = """
    const box = arguments[0].getBoundingClientRect(), clientX = box.left + 0.2 * box.width;
    const at = { clientX, clientY: box.top + 0.3 * box.height };
    arguments[0].dispatchEvent(new MouseEvent("click", at))
    """
    scan_page.execute_script(click, figures[0].find_element("tag name", "canvas"))
    scan_page.execute_async_script(FRAME)
    moved = [figure.find_element("css selector", ".where").text for figure in figures]
    assert moved[0] == words[0] and moved[1] != words[1] and moved[2] != words[2]


def test_the_patients_right_front_and_top_are_where_the_letters_say(browser: Any, tmp_path: Path) -> None:
    waiting = pytest.importorskip("selenium.webdriver.support.ui")
    data = np.full((20, 24, 16), 10, np.float32)
    data[10:, 12:, 8:] = 200  # in RAS: right is at high x, front at high y, top at high z
    order = (2, 0, 1)  # the file's axes: z, x, y, the second one backwards
    affine = np.diag([2.0, 2.0, 3.0, 1.0])[:, [*order, 3]] * (1, -1, 1, 1)
    turned = np.transpose(data, order)[:, ::-1]
    scan = Volume(turned, Grid(turned.shape, affine), slice_axis=0)
    out = restore(small_head(), small_prior(), 1, steps=0)
    page = page_of(scan, scan, np.ones_like(scan.data), out.details)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    browser.get((tmp_path / "page.html").as_uri())
    waiting.WebDriverWait(browser, 20).until(lambda driver: driver.execute_script(READY))
    for figure, at in zip(browser.find_elements("css selector", "figure[data-plane]"), (12, 18, 5)):
        move(browser, figure.find_element("css selector", ".slice"), at)
    browser.execute_async_script(FRAME)
    for canvas in browser.find_elements("css selector", ".pair canvas"):
        bright = [browser.execute_script(QUARTER, canvas, right, low) > 100 for low in (0, 1) for right in (0, 1)]
        assert bright == [True, False, False, False], canvas.get_attribute("aria-label")


def test_a_page_of_a_fusion_shows_the_stack_that_is_chosen(browser: Any, tmp_path: Path) -> None:
    waiting = pytest.importorskip("selenium.webdriver.support.ui")
    stacks = three()
    out = fuse(stacks, load_prior(), spacing=4.0, method="kriging", align=False)
    (tmp_path / "page.html").write_text(fused_page(stacks, out), encoding="utf-8")
    browser.get((tmp_path / "page.html").as_uri())
    waiting.WebDriverWait(browser, 20).until(lambda driver: driver.execute_script(READY))
    move(browser, browser.find_element("id", "cut"), 100)
    figure = browser.find_element("css selector", "figure[data-plane]")
    pair, seen = figure.find_element("css selector", ".pair canvas"), set()
    for key, name in (("input", "stack 1, axial"), ("input1", "stack 2, coronal"), ("input2", "stack 3, sagittal")):
        browser.find_element("css selector", f"input[value={key}]").click()
        seen.add(drawn(browser, pair))
        assert figure.find_element("css selector", ".l").text == name and name in pair.get_attribute("aria-label")
    assert len(seen) == 3
    assert not browser.get_log("browser")


@pytest.mark.parametrize("name", ["scan0.html", "index.html"])
@pytest.mark.parametrize("width", [390, 1100])
def test_nothing_is_wider_than_the_window(browser: Any, pages: Path, name: str, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get((pages / name).as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("name", ["scan0.html", "index.html"])
def test_a_page_follows_the_colours_of_the_system_and_its_button(browser: Any, pages: Path, name: str) -> None:
    colour, found = "return getComputedStyle(document.body).backgroundColor", []
    for scheme in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get((pages / name).as_uri())
        found.append(browser.execute_script(colour))
        browser.find_element("id", "theme").click()
        found.append(browser.execute_script(colour))
    assert found[0] != found[1] and found == [found[0], found[1], found[1], found[0]]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_index_shows_warnings_within_its_width(browser: Any, pages: Path) -> None:
    browser.get((pages / "index.html").as_uri())
    shown = browser.find_elements("css selector", "td.message li")
    assert shown and all(line.is_displayed() and line.size["width"] > 150 for line in shown)


def test_the_index_sorts(browser: Any, pages: Path) -> None:
    browser.get((pages / "index.html").as_uri())
    column = [head.text for head in browser.find_elements("css selector", "th")].index("noise percent")

    def values() -> list[float]:
        rows = browser.find_elements("css selector", "#cohort tbody tr:first-child")
        return [float(row.find_elements("tag name", "td")[column].text) for row in rows]

    head = browser.find_elements("css selector", "th")[column]
    head.click()
    assert values() == sorted(values()) and head.get_attribute("aria-sort") == "ascending"
    head.click()
    assert values() == sorted(values(), reverse=True) and len(set(values())) == 3
    browser.find_element("link text", "scan1.nii.gz").click()
    assert browser.current_url.endswith("scan1.html")
    assert not browser.get_log("browser")
