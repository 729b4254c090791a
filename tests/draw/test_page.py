"""The page of a graph, looked at as a file: what is in it is right, and nothing in it gets out."""

import base64
import hashlib
import json
import re
import webbrowser

import numpy as np
import pytest

import nn
from microgradnd import history, paths, primitive, scope, trace
from microgradnd.draw.picture import draw
from tests.draw.graphs import HOSTILE, chain, encoder, leaf, loop, network, shared


def element(page, opening):
    return re.search(rf"<{opening}>(.*?)</{opening.split()[0]}>", page, re.DOTALL)[1]


def data_in(page):
    return json.loads(element(page, r'script id="data" type="application/json"'))


def page_of(tensors, **options):
    return draw(tensors, **options)._page()


def data_of(tensors, **options):
    return data_in(page_of(tensors, **options))


def node_of(data, symbol):
    return next(node for node in data["nodes"] if node["symbol"] == symbol)


def numbers(array):
    return np.array([float(entry) for entry in array["entries"]]).reshape(array["shape"])


# ---- nothing gets in, nothing gets out -----------------------------------------------------------


def test_nothing_is_fetched_and_only_the_one_style_and_the_one_script_are_admitted():
    page = page_of(network()[0])
    without_name = page.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    for way_out in [
        "http:",
        "https:",
        "//cdn",
        "src=",
        "href=",
        "@import",
        "import(",
        "fetch(",
        "XMLHttp",
        "innerHTML",
    ]:
        assert way_out not in without_name
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for kind in ("style", "script"):
        digest = hashlib.sha256(element(page, kind).encode()).digest()
        assert rules[f"{kind}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
    markup = re.sub(r"<script.*</script>", "", page, flags=re.DOTALL)
    assert (page.count("<script"), page.count("<style")) == (2, 1)
    assert not re.search(r"<[^>]*\s(on\w+|style)=", markup)
    assert "{{" not in markup


def test_names_are_data_and_never_markup():
    w = leaf([1.0, 2.0], HOSTILE)
    named = primitive(lambda x: x * 1, lambda g, y, x: g, name=HOSTILE)
    with scope(HOSTILE), trace():
        loss = np.sum(named(w * w))
    loss.name = "<b>&amp;"
    page = page_of(loss)
    assert page.count("<script") == 2
    assert not any(part in page for part in ("<img", "<!--", "\u2028"))
    assert "<title>Computation graph of &lt;b&gt;&amp;amp;</title>" in page
    data = data_of(loss)
    shown = HOSTILE.replace("\u2028", "�")
    assert shown in [node.get("name") for node in data["nodes"]]
    assert [group["title"] for group in data["groups"]] == [shown]


# ---- the backward pass ---------------------------------------------------------------------------


def check_steps(data):
    """Each step is gradient times derivative, and the sums are the gradients."""
    nodes = {node["key"]: node for node in data["nodes"]}
    found, arrived = dict.fromkeys(data["heads"], 1.0), {}
    for step in data["backward"]:
        gradient = numbers(nodes[step["node"]]["gradient"])
        np.testing.assert_allclose(found[step["node"]], gradient, rtol=1e-12)
        for part in step["parts"]:
            edge = data["edges"][part["edge"]]
            assert (edge["source"], edge["target"]) == (part["to"], step["node"])
            rows, columns, values = edge["derivative"]["entries"]
            matrix = np.zeros(edge["derivative"]["shape"])
            matrix[rows, columns] = values
            product = numbers(part["product"])
            np.testing.assert_allclose(gradient.ravel() @ matrix, product.ravel(), atol=1e-12)
            arrived[part["to"]] = arrived.get(part["to"], 0) + 1
            assert part["arrived"] == arrived[part["to"]] <= part["uses"]
            found[part["to"]] = found.get(part["to"], 0) + product
            assert ("sum" in part) == (part["uses"] > 1)
            if "sum" in part:
                np.testing.assert_allclose(numbers(part["sum"]), found[part["to"]], rtol=1e-12)
    return found


@pytest.mark.parametrize("graph", [network, shared, lambda: (encoder(),), lambda: (loop(30),)])
def test_values_gradients_and_steps_are_those_of_backward(graph):
    loss, *_ = graph()
    data = data_of(loss)
    found = check_steps(data)
    loss.backward()
    tensors = history(loss)
    parameters = [node for node in data["nodes"] if node["kind"] == "parameter"]
    assert parameters
    for node in parameters:
        tensor = next(t for t in tensors if t.name == node["name"])
        np.testing.assert_array_equal(numbers(node["value"]), tensor.numpy())
        np.testing.assert_allclose(numbers(node["gradient"]), tensor.grad, rtol=1e-14)
        np.testing.assert_allclose(found[node["key"]], tensor.grad, rtol=1e-12)
    place = {key: i for i, key in enumerate(data["forward"])}
    assert all(place.get(e["source"], -1) < place[e["target"]] for e in data["edges"])
    order = {key: i for i, key in enumerate(data["order"])}
    assert all(order[edge["source"]] < order[edge["target"]] for edge in data["edges"])


def test_a_gradient_that_leaks_no_nan_leaks_none_in_the_page():
    x = leaf([0.0, 2.0], "x")
    with np.errstate(all="ignore"):
        loss = np.sum(np.where(x.data > 0, np.log(x), 0.0))
        data = data_of(loss)
        loss.backward()
    np.testing.assert_array_equal(numbers(node_of(data, "x")["gradient"]), x.grad)
    assert "-inf" in str(data)  # the logarithm itself, as text: JSON has no such number


def test_a_rule_that_takes_only_finite_gradients_has_a_page():
    def rule(g, y, x):
        if not np.isfinite(g).all():
            raise ValueError("expected finite entries")
        return g.reshape(-1)

    reshaped = primitive(lambda x: x.reshape(2, 3), rule)
    data = data_of(np.sum(reshaped(leaf(np.ones(6), "x"))))
    np.testing.assert_array_equal(numbers(node_of(data, "x")["gradient"]), np.ones(6))
    assert [edge["derivative"].get("label") for edge in data["edges"]] == ["I", "1  1  1  1  1  1"]


def test_gradients_start_from_a_scalar_or_from_what_is_given():
    loss, *_ = network()
    for data in (data_of(loss, gradients=False), data_of(loss * np.ones(3))):
        assert data["forward"]
        assert not data["backward"]
        assert not any("gradient" in node for node in data["nodes"])
    w, seed = leaf([1.0, 2.0, 3.0], "w"), np.array([1.0, -2.0, 0.5])
    data = data_of(w**2, gradients=seed)
    np.testing.assert_array_equal(numbers(node_of(data, "w")["gradient"]), 2 * w.numpy() * seed)


# ---- what else is in it --------------------------------------------------------------------------


def test_without_values_none_is_there():
    data = data_of(network()[0], values=False)
    assert all(set(node["value"]) == {"shape", "dtype"} for node in data["nodes"])


def test_modules_are_groups_and_rules_and_lines_are_there():
    with trace():
        loss, w1, _ = network()
    for options, opened in ({}, {"hidden", "output"}), ({"depth": 0}, set()):
        data = data_of(loss, highlight=paths(loss, w1, (0, 1)), **options)
        titles = {group["key"]: group["title"] for group in data["groups"]}
        assert {titles[n["group"]] for n in data["nodes"] if n["group"]} == {"hidden", "output"}
        assert {titles[key] for key in data["open"] if key in titles} == opened
        assert data["asked"] == [node_of(data, "W₁")["key"], node_of(data, "L")["key"], [0, 1]]
    tanh = next(node for node in data["nodes"] if node.get("operation") == "tanh")
    assert "y * y" in data["rules"][tanh["rules"][0]]
    assert re.search(r"graphs.py, line \d+: h = np.tanh\(w1 @", tanh["line"])


def test_a_part_of_a_graph_has_a_page():
    whole, part = data_of(encoder()), data_of(encoder(), only="decoder")
    assert len(part["forward"]) == len(part["backward"]) == 3
    for node in part["nodes"]:
        assert node["gradient"] == node_of(whole, node["symbol"])["gradient"]


@pytest.mark.parametrize("turns", [25, 800])
def test_a_page_of_a_loop_shows_what_the_picture_shows_and_opens(turns):
    drawing = draw(chain(turns, lambda y: np.sin(y) * 2 + 0.1))
    before = drawing.svg
    data = data_in(drawing._page())
    assert len(data["nodes"]) == (3 * turns + 1 if turns < 600 else 3)
    closed = {group["title"] for group in data["groups"] if group["key"] not in data["open"]}
    assert f"3 operations × {turns - 1}" in closed
    assert drawing.svg == before


def test_large_arrays_are_summarised():
    w = leaf(np.linspace(-1, 1, 10_000).reshape(100, 100), "w")
    page = page_of(np.sum(np.square(w)))
    value = node_of(data_in(page), "w")["value"]
    assert value["about"].endswith("± 0.577, −1 … 1, norm 57.74")
    assert sum(value["histogram"]) == 10_000
    assert value["first"] == pytest.approx(w.data.ravel()[:6], rel=1e-5)
    assert len(page) < 1_000_000


@pytest.mark.parametrize("shape", [(), (20, 20)])
def test_500_operations_take_less_than_2_mb(shape):
    rng = np.random.default_rng(0)
    w = [leaf(rng.normal(size=shape)) for _ in range(20)]
    e = w[0]
    for i in range(499):
        e = np.tanh(e) if i % 3 else e * w[i % 20] + np.pi
    assert len(page_of(np.sum(e)).encode()) < 2_000_000


def test_a_graph_too_large_for_a_page_stays_in_boxes():
    pool = [leaf(0.5, "x")]
    rng = np.random.default_rng(0)
    for i in range(12_000):
        a, b = rng.integers(max(0, len(pool) - 50), len(pool), 2)
        pool.append(np.sin(pool[a]) if i % 3 else np.arctan2(pool[a], pool[b]) * 0.5)
    loss = sum(pool[-50:])
    page = page_of(loss)
    data = data_in(page)
    assert any(group["closed"] for group in data["groups"])
    assert len(data["order"]) <= 2_100
    assert len(page.encode()) < 4_000_000
    loss.backward()
    assert numbers(node_of(data, "x")["gradient"]) == pytest.approx(pool[0].grad, rel=1e-12)


def test_save_show_and_themes(tmp_path, monkeypatch):
    for theme, schemes in ("light", ["light"]), ("dark", ["dark"]), ("auto", ["light", "dark"]):
        picture = draw(network()[0], theme=theme)
        picture.save(tmp_path / "graph.html")
        page = (tmp_path / "graph.html").read_text("utf-8")
        assert page == picture._page()
        assert re.findall(r"color-scheme:(\w+);", page) == schemes
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    picture.show()
    assert re.fullmatch(r"file://.*\.html", opened[0])


def test_models_of_nn():
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 30), nn.Sigmoid(), nn.Linear(30, 10), nn.Sigmoid())
    loss = nn.QuadraticLoss()(model(np.random.default_rng(0).random((1, 784))), np.eye(10)[:1])
    data = data_of(loss)
    derivatives = [edge["derivative"] for edge in data["edges"] if "derivative" in edge]
    (derivative,) = (each for each in derivatives if each["shape"] == [30, 23520])
    assert len(derivative["entries"][0]) == 23520  # each weight has one unit that it leads to
    loss.backward()
    bias = next(node for node in data["nodes"] if node.get("name") == "2.bias")
    np.testing.assert_array_equal(numbers(bias["gradient"]), model[2].bias.grad)
