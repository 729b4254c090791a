"""The built site: no link leads nowhere, and every page is a good page, on a telephone and a desk.

`.ci/run` builds it before: sphinx-build -W -q -c notebooks/site notebooks build/site
"""

import itertools
import urllib.parse

import pytest

from tests.draw.conftest import chromium, emulate  # noqa: F401  (the first is a fixture)
from tests.markup import Markup
from tests.site.pages import HOME

pytestmark = pytest.mark.site
BUILT = HOME / "build" / "site"
BUILT_PAGES = sorted({*BUILT.rglob("*.html")} - {BUILT / "index.html"})  # which leads to the first

WIDTHS = """
const parts = [...document.querySelectorAll("html, .content")]
return [
    parts.filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.className),
    getComputedStyle(document.body).backgroundColor,
]
"""
UNSET = """
const done = arguments[0], formulas = [...document.querySelectorAll(".math")];
const set = formulas.length ? MathJax.startup.promise : Promise.resolve();
const wrong = "mjx-merror, [data-mml-node=merror]";
set.then(() => done(formulas.filter((f) => !f.querySelector("mjx-container") || f.querySelector(wrong)).length));
"""


def test_every_link_and_anchor_is_there():
    assert len(BUILT_PAGES) > 40
    pages, broken = {page: Markup(page.read_text("utf-8")) for page in BUILT_PAGES}, []
    anchors = {page: {*markup.all("id")} for page, markup in pages.items()}
    for page, markup in pages.items():
        for target in markup.all("href", "src"):
            address = urllib.parse.urlsplit(target)
            if address.scheme or address.netloc:
                assert address.scheme in ("https", "data"), target
                continue
            there = page.parent / urllib.parse.unquote(address.path)
            file = there.resolve() if address.path else page
            anchor = urllib.parse.unquote(address.fragment)
            if not file.exists() or (anchor and file in pages and anchor not in anchors[file]):
                broken.append((str(page.relative_to(BUILT)), target))
    assert not broken


@pytest.mark.parametrize("page", BUILT_PAGES, ids=lambda page: str(page.relative_to(BUILT)))
def test_a_page_fits_on_every_screen_and_nothing_complains(chromium, page):  # noqa: F811
    backgrounds = set()
    emulate(chromium, 360, 900)  # where it is opened, as what a page computes then may not fit
    chromium.get(page.as_uri())
    assert not chromium.execute_async_script(UNSET), "formulas that MathJax does not understand"
    for width, scheme in itertools.product((360, 1400), ("light", "dark")):
        emulate(chromium, width, 900, color_scheme=scheme)
        too_wide, background = chromium.execute_script(WIDTHS)
        assert not too_wide, (width, scheme)
        backgrounds.add(background)
    assert len(backgrounds) == 2
    assert not [entry for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
