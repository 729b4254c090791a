"""The page of a graph in a real browser: folded, stepped through, asked for paths, read aloud."""

import os
import shutil

import numpy as np
import pytest

from microgradnd import Tensor, paths, scope, trace
from microgradnd.draw.picture import draw
from microgradnd.draw.style import DARK, LIGHT
from tests.draw.test_page import NASTY, network, shared

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
]  # fmt: skip


def missing(what):
    """Say why there is no browser: a failure where one is required, else the tests are skipped."""
    if os.environ.get("MICROGRADND_BROWSER") == "required":
        pytest.fail(f"MICROGRADND_BROWSER=required, but {what}")
    pytest.skip(what)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    try:
        from selenium import webdriver
    except ImportError:
        missing("the package selenium is not installed")
    program = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    driver = shutil.which("chromedriver")
    if not program or not driver:
        missing("chromium and chromedriver are not on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


class Page:
    """A page that is open in the browser, as a reader uses it."""

    def __init__(self, browser):
        self.browser = browser

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def the(self, selector):
        (found,) = self.all(selector)
        return found

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def item(self, text):
        """What is drawn with this heading."""
        return next(
            item
            for item in self.all("#graph .item")
            if item.find_element("tag name", "text").text == text
        )

    def headings(self):
        return [heading.text for heading in self.all("#graph .heading, #graph .frame text")]

    def press(self, *keys):
        from selenium.webdriver import ActionChains, Keys

        actions = ActionChains(self.browser)
        for key in keys:
            actions.send_keys(getattr(Keys, key, key))
        actions.perform()

    def numbers(self, selector):
        return np.array(
            [float(data.get_attribute("value")) for data in self.all(f"{selector} data")]
        )

    def complaints(self):
        return [entry["message"] for entry in self.browser.get_log("browser")]


@pytest.fixture
def show(chromium, tmp_path):
    """Save the page of a graph, and open it from disk in a window of some size and scheme."""

    def opened(tensors, width=1400, height=900, scheme="light", motion="no-preference", **options):
        draw(tensors, **options).save(tmp_path / "graph.html")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        media = [{"name": name, "value": value} for name, value in features.items()]
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        chromium.get((tmp_path / "graph.html").as_uri())
        page = Page(chromium)
        assert page.complaints() == []
        return page

    return opened


def test_modules_fold_and_unfold_by_click_and_by_key(show):
    page = show(network()[0], depth=0)
    assert "▸ hidden" in page.headings()
    assert "h = tanh(v₁)" not in str(page.headings())
    folded = len(page.all("#graph .item"))
    box = page.item("▸ hidden")
    assert box.get_attribute("aria-expanded") == "false"
    box.click()
    assert len(page.all("#graph .item")) > folded
    assert any("tanh" in heading for heading in page.headings())
    assert page.item("▾ hidden").get_attribute("aria-expanded") == "true"
    assert page.run("return document.activeElement.getAttribute('aria-label')").startswith("hidden")
    page.press("ENTER")
    assert len(page.all("#graph .item")) == folded
    page.the("#unfold-all").click()
    assert not any("▸" in heading for heading in page.headings())
    page.the("#fold-all").click()
    assert len(page.all("#graph .item")) == folded


def steps_through(page):
    """Press n from the first step to the last, and give the last gradient that each node got."""
    last = page.run("return lastStep")
    page.press(*"n" * (page.run("return seeding") + 1))
    found = {}
    for step in range(page.run("return seeding"), last + 1):
        assert page.run("return state.step") == step
        for part in page.all("#step-text .part[data-to]"):
            got = part.find_elements("css selector", "[data-part=sum] data") or part.find_elements(
                "css selector", "[data-part=product] data"
            )
            found[part.get_attribute("data-to")] = np.array(
                [float(each.get_attribute("value")) for each in got]
            )
        page.press("n")
    assert page.run("return state.step") is None
    return found


@pytest.mark.parametrize("graph", [network, shared])
def test_stepping_to_the_end_gives_the_gradients(show, graph):
    loss, *leaves = graph()
    page = show(loss)
    found = steps_through(page)
    loss.backward()
    keys = dict(page.run("return data.nodes.map((node) => [node.name ?? '', node.key])"))
    for leaf in leaves:
        np.testing.assert_allclose(found[keys[leaf.name]], leaf.grad.ravel(), rtol=1e-12)
    assert page.complaints() == []


def test_a_step_shows_incoming_derivative_product_and_sum(show):
    loss, a = shared()
    page = show(loss)
    page.run("goTo(seeding + data.backward.length)")
    incoming, derivative, product = (
        page.numbers(f"#step-text [data-part={part}]")
        for part in ("incoming", "derivative", "product")
    )
    # b = a · a is used by itself twice: dL/db · a each time
    np.testing.assert_allclose(derivative, [a.item()] * 2)
    np.testing.assert_allclose(product, incoming * derivative)
    loss.backward()
    sums = page.numbers("#step-text [data-part=sum]")
    assert sums[0] == pytest.approx(a.grad - product[1])
    assert sums[1] == pytest.approx(a.grad)
    assert "Backward" in page.the("#step-said").text
    assert page.the("#step").get_attribute("aria-valuetext") == page.the("#step-said").text


def test_the_picture_follows_the_steps(show):
    page = show(network()[0])
    page.run("goTo(0)")
    assert len(page.all("#graph .waiting")) == page.run("return data.forward.length")
    page.press("n")
    assert len(page.all("#graph .now:not(.edge)")) == 1
    assert all(not slope.is_displayed() for slope in page.all("#graph .slope"))
    page.run("goTo(seeding)")
    assert not page.all("#graph .waiting")
    shown = [
        slope.text
        for slope in page.all("#graph .slope")
        if slope.get_attribute("visibility") == "visible"
    ]
    assert shown == ["∂L/∂L = 1"]
    page.run("arguments[0].focus()", page.the("#step"))
    page.press("HOME")
    assert page.run("return state.step") == 0
    page.press("ARROW_RIGHT")
    assert page.run("return state.step") == 1
    page.press("END")
    assert page.run("return state.step") is None


def test_sums_grow_in_the_picture_as_paths_arrive(show):
    page = show(shared()[0])
    key = page.run("return data.nodes.find((node) => node.symbol === 'a').key")
    total, seen = 0.0, []
    for step in range(page.run("return seeding + 1"), page.run("return lastStep + 1")):
        page.run("goTo(arguments[0])", step)
        arriving = page.numbers(f"#step-text .part[data-to={key}] [data-part=product]")
        if len(arriving):
            total += arriving.sum()
            text = (
                page.the(f"[data-key={key}] .slope").text.removeprefix("∂L/∂a = ").replace("−", "-")
            )
            assert float(text) == pytest.approx(total, rel=1e-3)
            seen.append(text)
    assert len(seen) == 2


def pick(page, start, index, end):
    from selenium.webdriver.support.select import Select

    Select(page.the("#from")).select_by_visible_text(start)
    if index:
        entry = page.the("#from-entry")
        entry.clear()
        entry.send_keys(",".join(map(str, index)))
    options = Select(page.the("#to"))
    options.select_by_visible_text(next(o.text for o in options.options if o.text.startswith(end)))
    page.the("#paths button[type=submit]").click()


@pytest.mark.parametrize("index", [(0, 1), (3, 2)])
def test_paths_are_those_that_paths_gives(show, index):
    loss, w1, _ = network()
    page = show(loss)
    pick(page, "W₁", index, "L =")
    story = paths(loss, w1, index)
    loss.backward()
    assert page.numbers("#paths-text [data-part=total]") == pytest.approx(w1.grad[index], rel=1e-12)
    products = page.numbers("#paths-text [data-part=path]")
    np.testing.assert_allclose(products, [path.product for path in story.paths], rtol=1e-12)
    assert f"the sum over {story.count} paths" in page.the("#paths-text [data-part=count]").text
    assert page.all("#graph .edge.path")


def test_many_paths_are_counted_and_the_largest_shown(show):
    x = Tensor(0.9, requires_grad=True, name="x")
    e = x
    for _ in range(60):
        e = e * 0.5 + np.sin(e)
    page = show(e)
    pick(page, "x", (), "L =")
    story = paths(e, x)
    assert story.count == 2**60
    assert f"{story.count:,} paths" in page.the("#paths-text [data-part=count]").text
    products = page.numbers("#paths-text [data-part=path]")
    np.testing.assert_allclose(products, [path.product for path in story.paths], rtol=1e-9)
    assert page.numbers("#paths-text [data-part=total]") == pytest.approx(story.total, rel=1e-9)
    assert page.numbers("#paths-text > p:not(.sum)")[0] == pytest.approx(story.rest, rel=1e-9)


def test_a_wrong_entry_is_explained(show):
    page = show(network()[0])
    pick(page, "W₁", (9, 9), "L =")
    assert "W₁ has shape 4 × 4" in page.the("#paths-text").text


def test_details_by_pointing_and_by_focus(show):
    from selenium.webdriver import ActionChains

    with trace():
        loss, w1, _ = network()
    page = show(loss)
    loss.backward()
    ActionChains(page.browser).move_to_element(page.item("W₁")).perform()
    np.testing.assert_array_equal(page.numbers("#details [data-part=value]"), w1.data.ravel())
    np.testing.assert_array_equal(page.numbers("#details [data-part=gradient]"), w1.grad.ravel())
    page.run("arguments[0].focus()", next(i for i in page.all("#graph .item") if "tanh" in i.text))
    said = page.the("#details").text
    assert "operation tanh" in said
    assert "y * y" in said  # its rule
    assert "np.tanh(w1 @ x)" in said or "np.tanh(w2 @ h)" in said
    assert page.all("#details pre")


def test_a_large_array_has_a_histogram_for_eyes_and_ears(show):
    w = Tensor(np.random.default_rng(0).normal(size=(50, 40)), requires_grad=True, name="w")
    page = show(np.sum(w**2))
    page.item("w").click()
    assert all(
        h.get_attribute("role") == "img" and "Histogram from" in h.get_attribute("aria-label")
        for h in page.all(".histogram")
    )
    assert len(page.all("#details [data-part=value] .histogram rect")) == 8
    assert "mean" in page.the("#details [data-part=value]").text


def test_search_finds_what_is_folded(show):
    page = show(network()[0], depth=0)
    page.press("/")
    page.press(*"W2")
    assert page.the("#found").text.startswith("1 found")
    assert "W₂" not in page.headings()
    page.press("ENTER")
    assert "W₂" in page.headings()
    assert "found" in page.item("W₂").get_attribute("class")


def test_names_are_shown_as_such(show):
    w = Tensor([1.0, 2.0], requires_grad=True, name="<script>alert(1)</script>")
    with scope(NASTY), trace():
        loss = np.sum(w * w)
    page = show(loss)
    assert "<script>alert(1)</script>" in page.headings()
    page.item("<script>alert(1)</script>").click()
    assert page.the("#details-title").text == "<script>alert(1)</script>"
    assert len(page.all("script")) == 2
    assert not page.all("img")
    assert page.complaints() == []


def test_the_policy_holds(show):
    page = show(network()[0])
    page.run(
        """
        const made = document.createElement("script");
        made.textContent = "window.broken = true";
        document.body.append(made);
        fetch("https://example.org").catch(() => {});
        """
    )
    assert page.run("return window.broken") is None
    assert all("Content Security Policy" in complaint for complaint in page.complaints())


def test_the_graph_is_one_stop_for_tab_and_arrows_lead_on(show):
    page = show(network()[0])
    assert len(page.all("#graph [tabindex='0']")) == 1
    page.run("arguments[0].focus()", page.item("W₁"))
    page.press("ARROW_DOWN" if page.run("return state.down") else "ARROW_RIGHT")
    assert page.run("return document.activeElement.textContent").startswith("v₁ = W₁·x")
    assert len(page.all("#graph [tabindex='0']")) <= 2
    for item in page.all("#graph .item"):
        assert item.get_attribute("role") == "button"
        assert item.get_attribute("aria-label")


def test_everything_to_be_used_has_a_name_for_screen_readers(show):
    page = show(network()[0])
    for control in page.all("button, input, select, summary, svg, aside, section"):
        if control.is_displayed():
            assert control.accessible_name, control.get_attribute("outerHTML")[:200]
    assert page.the("#step-said").get_attribute("aria-live") == "polite"
    assert page.run("return document.documentElement.lang") == "en"


def test_zoom_and_pan(show):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    page = show(network()[0])
    view = lambda: page.run("return {...state.view}")  # noqa: E731
    before = view()
    ActionChains(page.browser).scroll_from_origin(
        ScrollOrigin.from_element(page.the("#graph")), 0, -200
    ).perform()
    assert view()["scale"] > before["scale"]
    before, items = view(), len(page.all("#graph .item"))
    graph = page.the("#graph")
    ActionChains(page.browser).move_to_element_with_offset(
        graph, -300, 300
    ).click_and_hold().move_by_offset(80, -40).release().perform()
    after = view()
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((80, -40))
    assert len(page.all("#graph .item")) == items
    page.the("#zoom-out").click()
    assert view()["scale"] < after["scale"]
    page.press("0")
    box = page.run(
        "return scene.whole.width * state.view.scale <= document.querySelector('#graph').clientWidth + 1"
    )
    assert box


def test_to_drag_is_not_to_click(show):
    from selenium.webdriver import ActionChains

    page = show(network()[0], depth=0)
    headings = page.headings()
    ActionChains(page.browser).click_and_hold(page.item("▸ hidden")).move_by_offset(
        60, 40
    ).release().perform()
    assert page.headings() == headings


@pytest.mark.parametrize("width", [360, 768, 1400, 2560])
def test_from_a_telephone_to_a_projector(show, width):
    page = show(network()[0], width=width, height=740)
    page.run("goTo(lastStep)")
    page.item("W₁")
    pick(page, "W₁", (0, 1), "L =")
    assert page.run("return document.documentElement.scrollWidth") <= width
    outside = """return [...document.querySelectorAll("button, input, select")].filter((e) => {
        const box = e.getBoundingClientRect(); return box.width && (box.left < 0 || box.right > innerWidth); }).length"""
    assert page.run(outside) == 0


def rgb(colour):
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


@pytest.mark.parametrize(("scheme", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_light_and_dark(show, scheme, colours):
    page = show(network()[0], scheme=scheme)
    background = "return getComputedStyle(document.body).backgroundColor"
    assert page.run(background) == rgb(colours["page"])
    assert page.run(
        "return getComputedStyle(document.querySelector('#graph .parameter rect')).fill"
    ) == rgb(colours["parameter"])
    assert show(network()[0], scheme=scheme, theme="dark").run(background) == rgb(DARK["page"])


def test_reduced_motion(show):
    moving = "return getComputedStyle(document.querySelector('#graph .item')).transitionDuration"
    loss, *_ = network()
    assert show(loss).run(moving) != "0s"
    assert show(loss, motion="reduce").run(moving) == "0s"


def test_boxes_do_not_overlap_and_frames_hold_what_is_in_them(show):
    rng = np.random.default_rng(0)
    pool = [Tensor(0.3, requires_grad=True, name=f"x{i}") for i in range(6)]
    for block in range(4):
        with scope(f"block{block}"):
            for i in range(10):
                with scope("inner") if i > 6 else scope(f"part{i}"):
                    a, b = rng.integers(len(pool), size=2)
                    pool.append(np.sin(pool[a]) + pool[b])
    page = show(sum(pool[-20:]))
    for _ in range(2):
        page.the("#unfold-all").click()
        overlapping = """
            const items = [...scene.items.values()];
            const apart = (a, b) => a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
            const within = (a, b) => a.x >= b.x && a.y >= b.y && a.x + a.width <= b.x + b.width && a.y + a.height <= b.y + b.height;
            return items.filter((a) => items.some((b) => a !== b && !apart(a, b)) || !within(a, a.outer)).length;"""
        assert page.run(overlapping) == 0
        page.the("#turn").click()


@pytest.mark.heavy
def test_500_operations_react_within_a_second(show):
    rng = np.random.default_rng(0)
    pool = [Tensor(0.1 * i, requires_grad=True, name=f"a{i}") for i in range(20)]
    for i in range(500):
        a, b = rng.integers(max(0, len(pool) - 40), len(pool), 2)
        pool.append(np.tanh(pool[a]) if i % 3 else pool[a] * pool[b])
    page = show(sum(pool[-200:]))
    timing = page.run("return performance.getEntriesByType('navigation')[0].domInteractive")
    unfolding = page.run(
        "const t = performance.now(); document.getElementById('unfold-all').click(); return performance.now() - t"
    )
    assert page.run("return scene.items.size") > 400
    assert timing < 1000
    assert unfolding < 1000


def test_paths_are_whole_or_are_refused(show):
    """Through what a page has no room for, no path is followed, rather than some."""
    rng = np.random.default_rng(0)
    pool = [Tensor(0.1 * i + 0.1, requires_grad=True, name=f"a{i}") for i in range(20)]
    for i in range(6_000):
        a, b = rng.integers(max(0, len(pool) - 300), len(pool), 2)
        pool.append(np.sin(pool[a]) if i % 3 else np.arctan2(pool[a], pool[b]) + 0.1 * pool[b])
    page = show(sum(pool[-300:]), limit=60)
    assert page.run("return data.boxes.length")
    refused = told = 0
    options = page.run("return document.querySelector('#from').length")
    for chosen in [*range(0, options, options // 15), options - 2]:
        page.run(
            "const from = document.querySelector('#from'); from.selectedIndex = arguments[0]; from.dispatchEvent(new Event('change'))",
            chosen,
        )
        page.the("#paths button[type=submit]").click()
        gradient = page.run(
            "return nodes.get(document.querySelector('#from').value).gradient.entries[0]"
        )
        if "too large for this page" in page.the("#paths-text").text:
            refused += 1
        else:
            told += 1
            assert page.numbers("#paths-text [data-part=total]") == pytest.approx(
                gradient, rel=1e-9
            )
    assert refused
    assert told
