"""The page of a graph in a real browser: folded, stepped through, asked for paths, read aloud."""

import numpy as np
import pytest

from microgradnd import paths, scope, trace
from microgradnd.draw.style import DARK, LIGHT
from tests.draw.graphs import diamonds, grown, leaf, network, numbers, shared

# ---- folding, steps, paths -----------------------------------------------------------------------


def test_modules_fold_and_unfold_by_click_and_by_key(show):
    page = show(network()[0], depth=0)
    count = lambda: len(page.all("#graph .item"))  # noqa: E731
    folded, box = count(), page.item("▸ hidden")
    page.actions.click_and_hold(box).move_by_offset(60, 40).release().perform()
    assert count() == folded  # to drag is not to click
    assert box.get_attribute("aria-expanded") == "false"
    box.click()
    assert count() > folded
    assert any("tanh" in heading for heading in page.headings())
    assert page.item("▾ hidden").get_attribute("aria-expanded") == "true"
    page.press("ENTER")
    assert count() == folded
    page.the("#unfold-all").click()
    assert not any("▸" in heading for heading in page.headings())
    page.the("#fold-all").click()
    assert count() == folded


def still():
    """What the page cannot compute itself."""
    a = leaf([[2.0, 0.3], [-0.5, 1.0]], "A")
    return np.linalg.det(a @ a) * np.sum(np.tanh(a)), a


@pytest.mark.parametrize("graph", [network, shared, still])
def test_stepping_to_the_end_gives_the_gradients(show, graph):
    loss, *leaves = graph()
    page, found = show(loss), {}
    seeding, last = page.run("return [seeding, lastStep]")
    page.press(*"n" * (seeding + 1))
    for step in range(seeding, last + 1):
        assert page.run("return state.step") == step
        title = page.the("#step-now").text
        assert page.the("#step").get_attribute("aria-valuetext") == title
        assert title.startswith("Backward") or step == seeding
        for part in page.all("#step-text .part[data-to]"):
            key = part.get_attribute("data-to")
            sums, product = (
                page.numbers(f"#step-text .part[data-to={key}] [data-part={part}]")
                for part in ("sum", "product")
            )
            found[key] = sums if len(sums) else product
        page.press("n")
    assert page.run("return state.step") is None
    loss.backward()
    keys = dict(page.run("return data.nodes.map((node) => [node.name ?? '', node.key])"))
    for each in leaves:
        got = found[keys[each.name]][-each.size :]
        np.testing.assert_allclose(got, each.grad.ravel(), rtol=1e-12)


def test_the_picture_follows_the_steps(show):
    page = show(network()[0])
    slopes = lambda: [s.text for s in page.all("#graph .slope") if s.is_displayed()]  # noqa: E731
    page.run("goTo(0)")
    assert len(page.all("#graph .waiting")) == page.run("return forward.length")
    page.press("n")
    assert len(page.all("#graph .now:not(.edge)")) == 1
    assert slopes() == []
    page.run("goTo(seeding)")
    assert not page.all("#graph .waiting")
    assert slopes() == ["∂L/∂L = 1"]
    page.press(*"nnn")
    assert len(slopes()) == 4
    assert len(page.all("#graph .edge.now")) == 1


@pytest.mark.parametrize(
    ("graph", "start", "index", "count"),
    [(network, "W₁", (3, 2), "2"), (lambda: diamonds(60), "x", (), f"{2**60:,}")],
)
def test_paths_are_those_that_paths_finds(show, graph, start, index, count):
    loss, w, *_ = graph()
    page, story = show(loss), paths(loss, w, index)
    page.pick(start, index, "L =")
    assert f"the sum over {count} paths" in page.the("#paths-text [data-part=count]").text
    for part, expected in (
        ("[data-part=total]", [story.total]),
        ("[data-part=path]", [path.product for path in story.paths]),
        ("> p:not(.sum)", [story.rest] if story.count > 10 else []),
    ):
        np.testing.assert_allclose(page.numbers(f"#paths-text {part}"), expected, rtol=1e-9)
    assert page.all("#graph .strand")
    if index:
        page.pick(start, (9, 9), "L =")
        assert "W₁ has shape 4 × 4" in page.the("#paths-text").text


CHOOSE = """
choosePathEnd("from", $("from").options[arguments[0]].value);
showPaths();
return nodes.get($("from").value).gradient.entries[0];
"""


def test_paths_are_whole_or_are_refused(show):
    """Through what a page has no room for, no path is followed, rather than some."""
    step = lambda i, a, b: np.sin(a) if i % 3 else np.arctan2(a, b) + 0.1 * b  # noqa: E731
    page, refused = show(sum(grown(6_000, 300, step, numbers(20))[-300:]), limit=60), set()
    options = page.run("return $('from').length")
    for chosen in [*range(0, options, options // 15), options - 2]:
        gradient = page.run(CHOOSE, chosen)
        refused.add(is_refused := "too large for this page" in page.the("#paths-text").text)
        total = page.numbers("#paths-text [data-part=total]")
        assert is_refused or total == pytest.approx(gradient, rel=1e-9)
    assert refused == {True, False}


# ---- details, search, safety ---------------------------------------------------------------------


def test_details_by_pointing_and_by_focus(show):
    with trace():
        loss, w1, _ = network()
    page = show(loss)
    loss.backward()
    page.actions.move_to_element(page.item("W₁")).perform()
    np.testing.assert_array_equal(page.numbers("#details [data-part=value]"), w1.data.ravel())
    np.testing.assert_array_equal(page.numbers("#details [data-part=gradient]"), w1.grad.ravel())
    page.focus(next(item for item in page.all("#graph .item") if "tanh" in item.text))
    details = page.the("#details").text
    for text in ("operation tanh", "y * y", "h = np.tanh(w1 @", "computed from", "used by"):
        assert text in details
    page.run("describe(data.groups.find((group) => group.heading === 'hidden').key)")
    assert "module" in page.the("#details").text
    assert "2 operations" in page.the("#details").text


def test_search_finds_what_is_folded(show):
    page = show(network()[0], depth=0)
    page.press("/")
    page.press(*"W2")
    assert page.the("#found").text.startswith("1 found")
    assert page.the("#details-title").text == "W₂"
    assert "W₂" not in page.headings()
    page.press("ENTER")
    assert "W₂" in page.headings()
    assert "found" in page.item("W₂").get_attribute("class")


# ---- keyboard, pointer, windows ------------------------------------------------------------------


def test_the_graph_is_one_stop_for_tab_and_arrows_lead_on(show):
    page = show(network()[0])
    assert len(page.all("#graph [tabindex='0']")) == 1
    page.focus(page.item("W₁"))
    page.press("ARROW_DOWN", "ARROW_RIGHT", "ARROW_RIGHT", "ARROW_LEFT")
    assert page.run("return document.activeElement.textContent").startswith("v₁ = W₁·x")
    assert len(page.all("#graph [tabindex='0']")) <= 2
    for control in page.all("#graph .item, button, input, select, summary, svg, aside, section"):
        assert not control.is_displayed() or control.accessible_name


def test_zoom_and_pan(show):
    page = show(network()[0])
    view = lambda: page.run("return [state.scale, picture.scrollLeft, picture.scrollTop]")  # noqa: E731
    window, before = page.the("#picture"), view()
    page.run("picture.dispatchEvent(new WheelEvent('wheel', { deltaY: -1500, cancelable: true }))")
    assert view()[0] > 2 * before[0]
    page.run("picture.scrollTo(300, 100)")
    zoomed = view()
    start = page.actions.move_to_element_with_offset(window, -300, 300).click_and_hold()
    start.move_by_offset(-80, -40).release().perform()
    assert view() == pytest.approx([zoomed[0], zoomed[1] + 80, zoomed[2] + 40], abs=1)
    page.the("#zoom-out").click()
    assert view()[0] < zoomed[0]
    page.press("0")
    assert page.run("return scene.whole.width * state.scale <= picture.clientWidth")


OUTSIDE = """return [...document.querySelectorAll("button, input, select")].filter((e) => {
    const box = e.getBoundingClientRect(); return box.width && (box.left < 0 || box.right > innerWidth); }).length"""


@pytest.mark.parametrize("width", [360, 768, 1400, 2560])
def test_from_a_telephone_to_a_projector(show, width):
    page = show(network()[0], width=width)
    page.run("goTo(lastStep)")
    page.pick("W₁", (0, 1), "L =")
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run(OUTSIDE) == 0


@pytest.mark.parametrize(("scheme", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_light_and_dark_and_reduced_motion(show, scheme, colours):
    def style(element, part):
        script = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
        return page.run(script, element, part)

    for theme, motion, expected in ("auto", "no-preference", colours), ("dark", "reduce", DARK):
        page = show(network()[0], scheme=scheme, motion=motion, theme=theme)
        channels = [str(int(expected["page"][i : i + 2], 16)) for i in (1, 3, 5)]
        assert style("body", "backgroundColor") == f"rgb({', '.join(channels)})"
        assert (style("#graph .item", "transitionDuration") == "0s") == (motion == "reduce")


MISPLACED = """
const items = [...scene.items.values()];
const end = (a) => [a.x + a.width, a.y + a.height];
const apart = (a, b) => end(a)[0] <= b.x || end(b)[0] <= a.x || end(a)[1] <= b.y || end(b)[1] <= a.y;
const within = (a, b) => a.x >= b.x && a.y >= b.y && end(a)[0] <= end(b)[0] && end(a)[1] <= end(b)[1];
const overlap = items.filter((a) => items.some((b) => a !== b && !apart(a, b)) || !within(a, a.outer));
const back = [...scene.edges.values()].filter(({source: a, target: b}) =>
    state.down ? a.y + a.height > b.y : a.x + a.width > b.x);
return overlap.length + back.length;
"""


def test_boxes_do_not_overlap_frames_hold_what_is_in_them_and_edges_lead_on(show):
    rng = np.random.default_rng(0)
    pool = [leaf(0.3, f"x{i}") for i in range(6)]
    for block in range(4):
        with scope(f"block{block}"):
            for i in range(10):
                with scope("inner") if i > 6 else scope(f"part{i}"):
                    a, b = rng.integers(len(pool), size=2)
                    pool.append(np.sin(pool[a]) + pool[b])
    page = show(sum(pool[-20:]))
    for _ in range(2):
        page.the("#unfold-all").click()
        assert page.run(MISPLACED) == 0
        page.the("#turn").click()


@pytest.mark.heavy
def test_500_operations_react_within_a_second(show):
    step = lambda i, a, b: np.tanh(a) if i % 3 else a * b  # noqa: E731
    page = show(sum(grown(500, 40, step, numbers(20))[-200:]))
    assert page.run("return performance.getEntriesByType('navigation')[0].domInteractive") < 1000
    unfolding = "const t = performance.now(); $('unfold-all').click(); return performance.now() - t"
    assert page.run(unfolding) < 1000
    assert page.run("return scene.items.size") > 400
