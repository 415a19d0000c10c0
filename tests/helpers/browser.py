"""A real browser without a window, driven by Selenium: helper of the tests of pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """Chromium with an empty profile; the test is skipped where the browser or its driver is missing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip(
            "no chromium or no chromedriver on this machine (apt-get install chromium chromium-driver)"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS.split(), f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


def set_up(
    browser: Any, *, width: int = 1200, height: int = 900, dark: bool = False, script: bool = True
) -> None:
    """Screen, colours and script for the pages that are opened next."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})


def axe_core() -> str:
    """The source of axe-core; the test is skipped where it is missing."""
    root = Path(__file__).parents[2]
    known = [os.environ.get("AXE_CORE", ""), str(root / "node_modules" / "axe-core" / "axe.min.js")]
    path = next((Path(one) for one in known if one and Path(one).is_file()), None)
    if path is None:
        pytest.skip("axe-core is not installed: npm install axe-core")
    return path.read_text("utf-8")


def serious(browser: Any, axe: str) -> list[str]:
    """What axe-core calls serious or critical on the page that is open, with all folds open."""
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    browser.execute_script(axe)
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations), e => done([String(e)]))"
    )
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {one['nodes'][0]['html'][:160]}"
        for one in found
        if isinstance(one, str) or one["impact"] in ("serious", "critical")
    ]
