"""Names in a page are text, whatever they are."""

import numpy as np

from microgradnd import primitive
from microgradnd.draw.picture import draw
from tests.draw.graphs import HOSTILE, MARKUP, leaf

PAYLOADS = [
    HOSTILE, *MARKUP, "</script><script>alert(1)</script>", "' srcdoc='<script>alert(1)</script>", "</iframe><script>alert(1)</script>",
    "&#39;&gt;&lt;img src=x onerror=alert(1)&gt;", "\" onfocus=alert(1) autofocus x=\"", "' onclick='alert(1)", "javascript:alert(1)",
    "'\"--></style></script><svg onload=alert(1)>", "<base href=//evil>", "${alert(1)}", "`${alert(1)}`", "\\u003cscript>alert(1)//",
    "\u2028alert(1)\u2029", "\x00<b>\x1f\x7f\u202e", "__proto__", "constructor", "]\"] , *",
]  # fmt: skip


def test_names_are_text_there_as_well(show, tmp_path):
    """In entries, gradients, values, notes, and the frame of a notebook's cell."""
    leaves = [leaf([1.0, 2.0], payload) for payload in PAYLOADS]
    odd = primitive(
        lambda x: np.array(sum(map(float, x))), lambda g, y, x: g * np.ones_like(x), name=HOSTILE
    )
    for loss in (sum(np.sum(each * each) for each in leaves), odd(leaves[1])):
        page = show(loss)
        page.the("#unfold-all").click()
        assert PAYLOADS[1] in page.headings()
        assert len(page.all("[data-entry]")) in (2 * len(leaves), 0)
        (tmp_path / "cell.html").write_text(draw(loss)._repr_html_(), "utf-8")
        for element in page.all("[data-entry]")[:6]:
            element.send_keys("1")
        for i in range(2):
            strange = "script:not([id=data]), img, b, iframe, a[href], link, base, template"
            assert len(page.all(strange)) == 1  # the page's own script
            assert page.complaints() == []
            if not i:
                page.browser.get((tmp_path / "cell.html").as_uri())
                assert len(page.all("body *")) == 1
                page.browser.switch_to.frame(page.the("iframe"))
    page.run(
        "const made = document.createElement('script'); made.textContent = 'window.broken = true';"
        "document.body.append(made); fetch('https://example.org').catch(() => {});"
    )
    assert page.run("return window.broken") is None
    assert all("Content Security Policy" in complaint for complaint in page.complaints())
