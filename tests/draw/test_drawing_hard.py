"""draw where it failed once: long loops as pages, numbers that are none, options that make no sense."""

import json
import re

import numpy as np
import pytest

import nn
from microgradnd import Tensor, draw


def page_data(picture, tmp_path):
    picture.save(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    return json.loads(
        re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)[1]
    )


def loop(turns):
    y = x = Tensor(0.3, requires_grad=True, name="x")
    for _ in range(turns):
        y = np.sin(y) * x + 0.1
    return y


@pytest.mark.parametrize("turns", [25, 800])
def test_a_page_of_a_loop_has_the_groups_of_the_graph(turns, tmp_path):
    folded = page_data(draw(loop(turns)), tmp_path)
    opened = page_data(draw(loop(turns), limit=2000), tmp_path)
    titles = [[group["title"] for group in data["groups"]] for data in (folded, opened)]
    assert titles[0] == titles[1]


def test_a_picture_can_be_saved_again_after_its_page(tmp_path):
    picture = draw(loop(100))
    before = picture._repr_mimebundle_()["image/svg+xml"]
    picture.save(tmp_path / "page.html")
    assert picture._repr_mimebundle_()["image/svg+xml"] == before


def test_a_head_given_twice_counts_once():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = np.sum(x)
    assert repr(draw([y, y])) == repr(draw(y))


@pytest.mark.parametrize(
    "options", [{"depth": -1}, {"depth": 1.5}, {"limit": 0}, {"limit": "x"}, {"fold": [3]}]
)
def test_options_that_make_no_sense(options):
    with pytest.raises((TypeError, ValueError), match=r"draw\("):
        draw(loop(2), **options)


def test_names_that_are_not_there_are_answered_with_those_that_are():
    with pytest.raises(ValueError, match="'x'"):
        draw(loop(2), highlight="y")


def test_a_network_that_diverged_can_be_drawn():
    for value in (np.nan, np.inf):
        assert (
            "svg"
            in nn.draw_network(nn.Linear(2, 2), np.array([value, 1.0]))._repr_mimebundle_()[
                "image/svg+xml"
            ]
        )
