"""The page in a lecture: by keyboard, with a picture of each step, and paths in their colours."""

import time

from microgradnd import paths
from tests.draw.graphs import diamonds, network, neuron


def test_a_lecture_by_keyboard(show, tmp_path):
    page = show(neuron())
    page.browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    page.press("t")
    assert not page.the("aside").is_displayed()
    assert page.run("return state.scale") >= 1.4
    page.press(">", ">", "a")
    time.sleep(0.7)
    page.press("a")
    step = page.run("return state.step")
    assert step >= 1
    page.press("s", "i")
    for _ in range(50):
        if len(files := [*tmp_path.glob("*-step-*.[sp][vn]g")]) == 2:
            break
        time.sleep(0.1)
    image, picture = sorted(files, key=lambda file: file.suffix)
    assert f"step-{step}" in picture.name
    assert picture.read_text("utf-8").startswith("<svg")
    assert "var(" not in picture.read_text("utf-8")  # drawing programs know no variables
    assert image.read_bytes().startswith(b"\x89PNG")
    assert image.stat().st_size > 5_000
    page.press("t")
    assert page.the("aside").is_displayed()
    assert page.complaints() == []


def test_each_path_has_its_colour_and_answers_to_the_pointer(show):
    loss, x = diamonds(3)
    page = show(loss, highlight=paths(loss, x))
    assert page.all("#graph .asked")
    page.pick("x", (), "L =")
    paths_shown = page.all("#paths-text [data-part=path]")
    colours = [
        p.find_element("class name", "swatch").value_of_css_property("background-color")
        for p in paths_shown
    ]
    assert len(set(colours)) == len(colours) == 8
    page.actions.move_to_element(paths_shown[1]).perform()
    on = {e.get_attribute("data-edge") for e in page.all("#graph .strand")}
    assert on == set(page.run("return state.paths.paths[1].steps.map(wayOf)"))
    looked_at = lambda: page.run("return state.path")  # noqa: E731
    page.actions.move_to_element(page.the("#title")).perform()
    strokes = page.all("#graph .strand")
    shown = {stroke.value_of_css_property("stroke") for stroke in strokes}
    assert shown == {c.replace("rgba", "rgb").replace(", 1)", ")") for c in colours}
    page.run(
        "document.querySelector('#graph .strand[data-path=\"6\"]').dispatchEvent(new PointerEvent('pointerover', {bubbles: true}))"
    )
    assert looked_at() == 6
    assert {s.get_attribute("data-path") for s in page.all("#graph .strand")} == {"6"}
    paths_shown[2].click()
    assert paths_shown[2].get_attribute("aria-pressed") == "true"
    page.actions.move_to_element(page.the("#title")).perform()
    assert looked_at() == 2
    page.the("#forget").click()
    assert not page.all("#graph .asked, #graph .strand")


def test_escape_leaves_a_field_so_that_the_keys_work_again(show):
    page = show(network()[0])
    entry = page.write("W1[0,0]", 2)
    page.press("n", "ESCAPE", "n", "n")
    assert entry.get_attribute("value") == "2"
    assert page.run("return state.step") == 1
