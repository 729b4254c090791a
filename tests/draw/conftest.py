"""A real browser, for pages and for pictures in notebooks."""

import os
import shutil

import pytest

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
]  # fmt: skip


def missing(what):
    """Skip the tests for want of a browser, or fail where one is required."""
    if os.environ.get("MICROGRADND_BROWSER") == "required":
        pytest.fail(f"MICROGRADND_BROWSER=required, but {what}")
    pytest.skip(what)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    try:
        from selenium import webdriver
    except ImportError:
        missing("the package selenium is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    program, driver = (
        next(filter(None, map(shutil.which, names)), None),
        shutil.which("chromedriver"),
    )
    if not program or not driver:
        missing("chromium and chromedriver are not on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()
