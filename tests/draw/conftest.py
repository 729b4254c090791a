"""A real browser, for pages and for pictures in notebooks."""

import os
import shutil

import numpy as np
import pytest

from microgradnd.draw.picture import Drawing, draw

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """Skips the tests for want of a browser, or fails where one is required."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    try:
        from selenium import webdriver
    except ImportError:
        program = None
    if not program or not driver:
        stop = pytest.fail if os.environ.get("MICROGRADND_BROWSER") == "required" else pytest.skip
        stop("selenium, chromium or chromedriver is missing")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


def emulate(browser, width, height, **preferred):
    """Give the window a size, and what its reader prefers: `color_scheme`, `reduced_motion`."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    names = {f"prefers-{name.replace('_', '-')}": value for name, value in preferred.items()}
    features = [{"name": name, "value": value} for name, value in names.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


class Page:
    """A page that is open in the browser, as a reader uses it."""

    def __init__(self, browser):
        self.browser, self.run = browser, browser.execute_script

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def the(self, selector):
        (found,) = self.all(selector)
        return found

    def item(self, heading):
        items = self.all("#graph .item")
        texts = lambda item: [text.text for text in item.find_elements("tag name", "text")]  # noqa: E731
        return next(item for item in items if heading in texts(item))

    def headings(self):
        return [heading.text for heading in self.all("#graph .heading, #graph .frame text")]

    @property
    def actions(self):
        from selenium.webdriver import ActionChains

        return ActionChains(self.browser)

    def press(self, *keys):
        from selenium.webdriver import Keys

        self.actions.send_keys(*(getattr(Keys, key, key) for key in keys)).perform()

    def focus(self, element):
        self.run("arguments[0].focus()", element)

    def numbers(self, selector):
        found = self.all(f"{selector} data")
        return np.array([float(each.get_attribute("value")) for each in found])

    def text(self, kind, name):
        """The number that the document has as this kind of thing."""
        return float(self.the(f"[data-{kind}='{name}']").get_attribute("textContent"))

    def write(self, entry, number):
        """Type a number into the field of an entry, which is returned."""
        field = self.the(f"[data-entry='{entry}']")
        field.clear()
        field.send_keys(str(number))
        return field

    def complaints(self):
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def pick(self, start, index, end):
        """Ask for the paths from an entry of one node to another."""
        for key, name in ("from", start), ("to", end):
            options = self.the(f"#{key}").find_elements("tag name", "option")
            next(option for option in options if option.text.startswith(name)).click()
        if index:
            self.the("#from-entry").clear()
            self.the("#from-entry").send_keys(",".join(map(str, index)))
        self.the("#paths button[type=submit]").click()


@pytest.fixture
def show(chromium, tmp_path):
    """Save the page of a graph, and open it from disk in a window of some width and scheme."""

    def opened(tensors, *arguments, width=1400, scheme="light", motion="no-preference", **options):
        drawing = tensors if isinstance(tensors, Drawing) else draw(tensors, *arguments, **options)
        drawing.save(tmp_path / "graph.html")
        emulate(chromium, width, 900, color_scheme=scheme, reduced_motion=motion)
        chromium.get((tmp_path / "graph.html").as_uri())
        page = Page(chromium)
        assert page.complaints() == []
        return page

    return opened
