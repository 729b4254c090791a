"""The page of a graph, looked at as a file: what is in it is right, and nothing in it gets out."""

import base64
import hashlib
import json
import re
import webbrowser

import numpy as np
import pytest

import nn
from microgradnd import Tensor, no_grad, paths, primitive, scope, trace
from microgradnd.draw.picture import draw


def page_of(tensors, **options):
    return draw(tensors, **options)._page()


def data_in(page):
    return json.loads(element(page, r'script id="data" type="application/json"'))


def element(page, opening):
    return re.search(rf"<{opening}>(.*?)</{opening.split()[0]}>", page, re.DOTALL)[1]


def node_of(data, symbol):
    return next(node for node in data["nodes"] if node["symbol"] == symbol)


def numbers(array):
    return np.array([float(entry) for entry in array["entries"]]).reshape(array["shape"])


def network():
    """The 4-4-2 network of the lectures, with its loss."""
    rng = np.random.default_rng(1)
    w1 = Tensor(rng.normal(size=(4, 4)), requires_grad=True, name="W1")
    w2 = Tensor(rng.normal(size=(2, 4)), requires_grad=True, name="W2")
    x = Tensor([0.5, -1.0, 0.2, 0.8], name="x")
    with scope("hidden"):
        h = np.tanh(w1 @ x)
    with scope("output"):
        y = np.tanh(w2 @ h)
    return np.sum((y - [1.0, 0.0]) ** 2), w1, w2


def shared():
    """A graph in which several paths meet."""
    a = Tensor(0.7, requires_grad=True, name="a")
    b = a * a
    return np.sin(b) * b + a, a


def test_nothing_is_fetched():
    page = page_of(network()[0]).replace("http://www.w3.org/2000/svg", "")  # a name, no address
    for way_out in (
        "http:",
        "https:",
        "//cdn",
        "src=",
        "href=",
        "@import",
        "import(",
        "fetch(",
        "XMLHttp",
    ):
        assert way_out not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_the_policy_admits_the_one_style_and_the_one_script_and_nothing_else():
    page = page_of(network()[0])
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for kind in ("style", "script"):
        digest = hashlib.sha256(element(page, kind).encode()).digest()
        assert rules[f"{kind}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert page.count("<script") == 2
    assert page.count("<style") == 1
    assert not re.search(
        r"<[^>]*\s(on\w+|style)=", re.sub(r"<script.*</script>", "", page, flags=re.DOTALL)
    )
    assert "innerHTML" not in page
    assert "{{" not in re.sub(r"<script.*</script>", "", page, flags=re.DOTALL)


NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028<!--"


def test_names_are_data_and_never_markup():
    w = Tensor([1.0, 2.0], requires_grad=True, name=NASTY)
    named = primitive(lambda x: x * 1, lambda g, y, x: g, name=NASTY)
    with scope(NASTY), trace():
        loss = np.sum(named(w * w))
    loss.name = "<b>&amp;"
    page = page_of(loss)
    assert page.count("<script") == 2
    assert "<img" not in page
    assert "<!--" not in page
    assert "<title>Computation graph of &lt;b&gt;&amp;amp;</title>" in page
    data = data_in(page)
    assert any(
        node.get("name", "").startswith("</script><script>alert(1)</script>")
        for node in data["nodes"]
    )
    assert any(group["title"].startswith("</script>") for group in data["groups"])


def test_values_and_gradients_are_those_of_backward():
    loss, w1, w2 = network()
    data = data_in(page_of(loss))
    assert w1.grad is None
    loss.backward()
    for symbol, w in ("W₁", w1), ("W₂", w2):
        node = node_of(data, symbol)
        np.testing.assert_array_equal(numbers(node["value"]), w.data)
        np.testing.assert_array_equal(numbers(node["gradient"]), w.grad)
    assert numbers(node_of(data, "L")["value"]) == loss.item()
    assert numbers(node_of(data, "L")["gradient"]) == 1


def gradient_so_far(data):
    """The gradients that the steps give, and a check of each of them on the way."""
    nodes = {node["key"]: node for node in data["nodes"]}
    found = dict.fromkeys(data["heads"], 1.0)
    arrived = {}
    for step in data["backward"]:
        node = nodes[step["node"]]
        gradient = numbers(node["gradient"])
        np.testing.assert_allclose(found[step["node"]], gradient, rtol=1e-12)
        for part in step["parts"]:
            edge = data["edges"][part["edge"]]
            assert (edge["source"], edge["target"]) == (part["to"], step["node"])
            rows, columns, values = edge["derivative"]
            matrix = np.zeros(edge["shape"])
            matrix[rows, columns] = values
            product = numbers(part["product"])
            np.testing.assert_allclose(gradient.ravel() @ matrix, product.ravel(), atol=1e-12)
            arrived[part["to"]] = arrived.get(part["to"], 0) + 1
            assert part["arrived"] == arrived[part["to"]] <= part["uses"]
            found[part["to"]] = found.get(part["to"], 0) + product
            if "sum" in part:
                np.testing.assert_allclose(numbers(part["sum"]), found[part["to"]], rtol=1e-12)
            else:
                assert part["uses"] == 1
    return found


@pytest.mark.parametrize("graph", [lambda: network()[0], lambda: shared()[0]])
def test_each_step_is_gradient_times_derivative_and_the_sums_are_the_gradients(graph):
    loss = graph()
    data = data_in(page_of(loss))
    found = gradient_so_far(data)
    loss.backward()
    leaves = [node for node in data["nodes"] if node["kind"] == "parameter"]
    assert leaves
    for node in leaves:
        np.testing.assert_allclose(found[node["key"]], numbers(node["gradient"]), rtol=1e-12)


def test_sums_show_where_paths_meet():
    loss, a = shared()
    data = data_in(page_of(loss))
    key = node_of(data, "a")["key"]
    parts = [part for step in data["backward"] for part in step["parts"] if part["to"] == key]
    assert [part["arrived"] for part in parts] == [1, 2, 3]
    loss.backward()
    assert numbers(parts[-1]["sum"]) == a.grad


def test_the_order_is_the_one_in_which_the_engine_calls_the_rules():
    called = []

    def named(name):
        def rule(g, y, *arguments):
            called.append(name)
            return g

        return primitive(lambda *values: sum(values), rule, rule, name=name)

    a = Tensor(1.0, requires_grad=True)
    b = named("b")(a, 1.0)
    c = named("c")(b, a)
    d = named("d")(b, b)
    loss = named("e")(c, named("f")(d, c))
    data = data_in(page_of(loss))
    called.clear()
    loss.backward()
    operation = {node["key"]: node.get("operation") for node in data["nodes"]}
    told = [operation[step["node"]] for step in data["backward"] for _ in step["parts"]]
    assert told == called
    assert len(data["forward"]) == 5
    assert [operation[key] for key in data["forward"]][-1] == "e"


def test_forward_comes_after_all_arguments():
    data = data_in(page_of(network()[0]))
    place = {key: i for i, key in enumerate(data["forward"])}
    for edge in data["edges"]:
        assert place.get(edge["source"], -1) < place[edge["target"]]


def test_a_gradient_that_leaks_no_nan_leaks_none_in_the_page():
    x = Tensor([0.0, 2.0], requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        loss = np.sum(np.where(x.data > 0, np.log(x), 0.0))
        data = data_in(page_of(loss))
        loss.backward()
    np.testing.assert_array_equal(numbers(node_of(data, "x")["gradient"]), x.grad)
    assert "nan" not in str(node_of(data, "x")["gradient"])
    assert "-inf" in str(data)  # the logarithm itself, as text: JSON has no such number


def test_what_was_recorded_is_shown_even_if_the_weights_have_changed():
    loss, w1, _ = network()
    picture = draw(loss)
    before = w1.data.copy()
    with no_grad():
        w1 -= 1.0
    np.testing.assert_array_equal(numbers(node_of(data_in(picture._page()), "W₁")["value"]), before)


def test_without_gradients_there_is_no_backward_pass():
    loss, *_ = network()
    for data in (data_in(page_of(loss, gradients=False)), data_in(page_of(loss * np.ones(3)))):
        assert data["backward"] == []
        assert not any("gradient" in node for node in data["nodes"])
        assert data["forward"]


def test_a_seed_starts_the_backward_pass_of_what_is_no_scalar():
    w = Tensor([1.0, 2.0, 3.0], requires_grad=True, name="w")
    seed = np.array([1.0, -2.0, 0.5])
    head = w**2
    data = data_in(page_of(head, gradients=seed))
    head.backward(seed)
    np.testing.assert_array_equal(numbers(node_of(data, "w")["gradient"]), w.grad)


def test_without_values_no_value_is_told():
    data = data_in(page_of(network()[0], values=False))
    assert all(set(node["value"]) == {"shape", "dtype"} for node in data["nodes"])


def test_modules_are_groups_and_rules_and_lines_are_told():
    with trace():
        loss, *_ = network()  # line of the test
    data = data_in(page_of(loss))
    groups = {group["key"]: group for group in data["groups"]}
    titles = {
        groups[node["group"]]["title"] for node in data["nodes"] if node["kind"] == "operation"
    }
    assert {"hidden", "output"} <= titles
    tanh = next(node for node in data["nodes"] if node.get("operation") == "tanh")
    assert "y * y" in data["rules"][tanh["rules"][0]]
    assert "test_page.py" in tanh["line"]
    assert "h = np.tanh(w1 @ x)" in tanh["line"]


def test_folded_from_the_start_but_all_there():
    data = data_in(page_of(network()[0], depth=0))
    assert {group["title"]: group["open"] for group in data["groups"]} == {
        "": True,
        "hidden": False,
        "output": False,
    }
    assert len(data["forward"]) == 7


def test_large_arrays_are_summarised():
    w = Tensor(np.linspace(-1, 1, 10_000).reshape(100, 100), requires_grad=True, name="w")
    page = page_of(np.sum(np.square(w)))
    value = node_of(data_in(page), "w")["value"]
    assert value["norm"] == pytest.approx(np.linalg.norm(w.data))
    assert value["mean"] == pytest.approx(0, abs=1e-12)
    assert sum(value["histogram"]) == 10_000
    assert value["first"] == pytest.approx(w.data.ravel()[:6], rel=1e-5)
    assert len(page) < 1_000_000


@pytest.mark.parametrize("shape", [(), (4, 6), (20, 20)])
def test_500_operations_take_less_than_2_mb(shape):
    rng = np.random.default_rng(0)
    w = [Tensor(rng.normal(size=shape), requires_grad=True) for _ in range(20)]
    e = w[0]
    for i in range(499):
        e = np.tanh(e) if i % 3 else e * w[i % 20] + np.pi
    page = page_of(np.sum(e))
    assert len(page.encode()) < 2_000_000


def test_a_graph_too_large_for_a_page_stays_in_boxes():
    x = Tensor(0.5, requires_grad=True, name="x")
    rng = np.random.default_rng(0)
    pool = [x]
    for i in range(12_000):
        a, b = rng.integers(max(0, len(pool) - 50), len(pool), 2)
        pool.append(np.sin(pool[a]) if i % 3 else np.arctan2(pool[a], pool[b]) * 0.5)
    loss = sum(pool[-50:])
    page = page_of(loss)
    data = data_in(page)
    assert data["boxes"]
    assert len(data["nodes"]) + len(data["boxes"]) <= 2_100
    assert len(page.encode()) < 4_000_000
    loss.backward()
    assert numbers(node_of(data, "x")["gradient"]) == pytest.approx(x.grad, rel=1e-12)


def test_highlighted_paths_are_asked_for_from_the_start():
    loss, w1, _ = network()
    data = data_in(page_of(loss, highlight=paths(loss, w1, (0, 1))))
    assert data["asked"] == {
        "from": node_of(data, "W₁")["key"],
        "entry": [0, 1],
        "to": node_of(data, "L")["key"],
    }


def test_themes_are_light_dark_or_both():
    loss, *_ = network()
    schemes = {
        theme: re.findall(r"color-scheme:(\w+);", page_of(loss, theme=theme))
        for theme in ("light", "dark", "auto")
    }
    assert schemes == {"light": ["light"], "dark": ["dark"], "auto": ["light", "dark"]}


def test_save_and_show(tmp_path, monkeypatch):
    loss, *_ = network()
    picture = draw(loss)
    picture.save(tmp_path / "graph.html")
    assert (tmp_path / "graph.html").read_text("utf-8") == picture._page()
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    picture.show()
    (address,) = opened
    assert address.startswith("file://")
    assert address.endswith(".html")


def test_models_of_nn():
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 30), nn.Sigmoid(), nn.Linear(30, 10), nn.Sigmoid())
    loss = nn.QuadraticLoss()(model(np.random.default_rng(0).random((1, 784))), np.eye(10)[:1])
    data = data_in(page_of(loss))
    edge = next(edge for edge in data["edges"] if edge.get("shape") == [30, 23520])
    assert len(edge["derivative"][0]) == 23520  # each weight has one unit that it leads to
    loss.backward()
    bias = next(node for node in data["nodes"] if node.get("name") == "2.bias")
    np.testing.assert_array_equal(numbers(bias["gradient"]), model[2].bias.grad)
