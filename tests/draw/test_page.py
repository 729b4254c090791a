"""The page of a graph, looked at as a file: what is in it is right, and nothing in it gets out."""

import base64
import hashlib
import json
import re
import webbrowser

import numpy as np
import pytest

from microgradnd import paths
from microgradnd.draw.picture import draw
from tests.draw.graphs import chain, grown, leaf, network, numbers


def element(page, opening):
    return re.search(rf"<{opening}>(.*?)</{opening.split()[0]}>", page, re.DOTALL)[1]


def data_in(page):
    return json.loads(element(page, r'script id="data" type="application/json"'))


def data_of(tensors, **options):
    return data_in(draw(tensors, **options)._page())


def node_of(data, symbol):
    return next(node for node in data["nodes"] if node["symbol"] == symbol)


def entries(array):
    return np.array([float(entry) for entry in array["entries"]]).reshape(array["shape"])


# ---- nothing gets in, nothing gets out -----------------------------------------------------------

WAYS_OUT = "http: https: //cdn src= href= @import import( fetch( innerHTML"


def test_nothing_is_fetched_and_only_the_one_style_and_the_one_script_are_admitted():
    page = draw(network()[0])._page()
    names = r"http://www\.w3\.org/(2000/svg|1998/Math/MathML)"  # and no addresses
    without_name = re.sub(names, "", page)
    assert not re.search(r"\beval\(|new Function|setTimeout\(['\"]", page)
    assert not [way_out for way_out in WAYS_OUT.split() if way_out in without_name]
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"  # made by the script itself
    for kind in ("style", "script"):
        digest = hashlib.sha256(element(page, kind).encode()).digest()
        assert rules[f"{kind}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
    markup = re.sub(r"<script.*</script>", "", page, flags=re.DOTALL)
    assert (page.count("<script"), page.count("<style")) == (2, 1)
    assert not re.search(r"<[^>]*\s(on\w+|style)=|{{", markup)


# ---- values and gradients ------------------------------------------------------------------------


def test_without_gradients_nothing_runs_backward_and_without_values_none_is_there():
    loss, *_ = network()
    for data in (data_of(loss, gradients=False, values=False), data_of(loss * np.ones(3))):
        assert not any("gradient" in node for node in data["nodes"])
    data = data_of(loss, only="hidden", values=False)
    assert all(set(node["value"]) == {"shape", "dtype"} for node in data["nodes"])


# ---- what else is in it --------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "opened"), [(None, {"hidden", "output"}), (0, set())])
def test_modules_are_groups_open_as_in_the_picture_and_paths_are_asked_for(depth, opened):
    loss, w1, _ = network()
    data = data_of(loss, highlight=paths(loss, w1, (0, 1)), depth=depth)
    titles = {group["key"]: group["heading"] for group in data["groups"]}
    assert {titles[n["group"]] for n in data["nodes"] if n["group"]} == {"hidden", "output"}
    assert {titles[key] for key in data["open"] if key in titles} == opened
    assert data["asked"] == [node_of(data, "W₁")["key"], node_of(data, "L")["key"], [0, 1]]


@pytest.mark.parametrize("turns", [25, 800])
def test_a_page_of_a_loop_shows_what_the_picture_shows_and_opens(turns):
    drawing = draw(chain(turns, lambda y: np.sin(y) * 2 + 0.1))
    before = drawing.dot
    data = data_in(drawing._page())
    assert len(data["nodes"]) == (3 * turns + 1 if turns < 600 else 3)
    closed = {group["heading"] for group in data["groups"] if group["key"] not in data["open"]}
    assert f"3 operations × {turns - 1}" in closed
    assert drawing.dot == before


def test_a_graph_too_large_for_a_page_stays_in_boxes():
    step = lambda i, a, b: np.sin(a) if i % 3 else np.arctan2(a, b) * 0.5  # noqa: E731
    first, _, *found = grown(12_000, 50, step, numbers(2))
    loss = sum(found[-50:])
    page = draw(loss)._page()
    data = data_in(page)
    assert any(not group["open"] for group in data["groups"])
    assert len(data["order"]) <= 2_100
    assert len(page.encode()) < 4_000_000
    loss.backward()
    assert entries(node_of(data, "a₀")["gradient"]) == pytest.approx(first.grad, rel=1e-12)


def test_show_opens_what_save_writes(tmp_path, monkeypatch):
    picture, opened = draw(network()[0]), []
    picture.save(tmp_path / "graph.html")
    assert (tmp_path / "graph.html").read_text("utf-8") == picture._page()
    monkeypatch.setattr(webbrowser, "open", opened.append)
    picture.show()
    assert re.fullmatch(r"file://.*\.html", opened[0])


@pytest.mark.parametrize("shape", [(), (20, 20)])
def test_500_operations_take_less_than_2_mb(shape):
    e = w = leaf(np.random.default_rng(0).normal(size=shape))
    for i in range(499):
        e = np.tanh(e) if i % 3 else e * w + np.pi
    assert len(draw(np.sum(e))._page().encode()) < 2_000_000


@pytest.mark.parametrize("options", [{}, {"values": False}])
def test_small_local_derivatives_always_find_room(options):
    small, large = leaf([1.0, 2.0], "w"), [leaf(np.linspace(0, 1, 400)) for _ in range(60)]
    data = data_of(np.sum(np.square(small)) + sum(np.sum(np.square(w)) for w in large), **options)
    (edge,) = (edge for edge in data["edges"] if edge["source"] == node_of(data, "w")["key"])
    assert edge["derivative"] == {"shape": [2, 2], "entries": [[0, 1], [0, 1], [2, 4]]}
