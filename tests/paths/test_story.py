"""How paths are named and written, which questions are refused, and what is left behind."""

import gc
import re
import weakref

import numpy as np
import pytest

import nn
from microgradnd import Tensor, derive, draw, scope, why_zero
from microgradnd.paths.search import paths
from tests.misuse import explained
from tests.numerical import leaf
from tests.paths.test_paths import named


def test_latex():
    x = leaf([[0.5, 2.0]], "W_1")
    latex = paths(np.sum(named(np.sin(x), "ŷ")) * 1e-7, x, (0, 1)).latex()
    assert (
        r"&= \underbrace{\frac{\partial L}{\partial \hat{y}[0,1]}}_{1 \cdot 10^{-7}} \cdot "
        in latex
    )
    assert latex.splitlines()[-2:] == [r"&= -4.161 \cdot 10^{-8}", r"\end{aligned}"]


def names(story):
    return [story.start.name, *(step.name for step in story.paths[0].steps)]


def test_names_are_those_of_pictures_and_derived_programs_and_no_two_are_the_same():
    w, u, v = leaf(0.5), leaf(0.5, "x"), leaf(0.7, "x")
    story = paths(named(np.tanh(np.tanh(w)), "b") * 2, w)
    assert names(story) == ["w1", "v1", "b", "L"]
    taken = named(np.log2(np.tanh(u) + np.tanh(v)), "v2")
    loss = np.log2(np.log2(taken + 9))
    symbols = draw(loss).model.symbols
    for number, start in enumerate((u, v), 1):
        story = paths(loss, start)
        first = ["v1", "v2'"][number - 1]
        assert names(story) == [f"x{number}", first, "v3", "v2", "v5", "v6", "L"]
        assert all(step.name == symbols.plain(step.tensor) for step in story.paths[0].steps)
    assert "∂v₂/∂x₁" in str(story := paths(loss, u))
    assert r"\partial v_{2}" in story.latex()
    source = derive(loss, [u, v]).source
    assert all(f"    {name} = " in source for name in ("v1", "v3", "v2", "v5", "v6"))
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    for x in (np.ones((2, 2)), Tensor(np.ones((2, 2)))):
        story = paths(np.sum(model(x)), model[0].weight, (0, 0), limit=1)
        assert names(story) == ["W1", "z1", "a1", "z2", "L"]
    h = leaf([1.0, 2.0], "h1"), leaf([1.0, 2.0], "h1")
    assert paths(np.sum(h[0] * h[1]), h[1], 0).start.text == "h1₂[0]"


# Entries without names are written where paths part or meet, and those that are only rearranged
# are not.
WRITTEN = [
    (lambda x: np.sum(np.exp(np.sin(x))), "∂L/∂v₂[0] · ∂v₂[0]/∂v₁[0] · ∂v₁[0]/∂x[0]"),
    (lambda x: np.sum(named(np.exp(np.sin(x)), "h")), "∂L/∂h[0] · ∂h[0]/∂x[0]"),
    (lambda x: np.sum(named(np.exp(y := np.sin(x)) * y, "h")), "∂h[0]/∂v₁[0] · ∂v₁[0]/∂x[0]"),
    (lambda x: np.sum(named(np.exp(np.sin(x) + np.cos(x)), "h")), "∂h[0]/∂v₃[0] · ∂v₃[0]/∂x[0]"),
    (lambda x: np.exp(np.sin(x[None].T)[0, 0]), "∂L/∂v₃[0,0] · ∂v₃[0,0]/∂x[0]"),
    (lambda x: np.exp(named(x[None].T, "turned")[0, 0]), "∂turned[0,0]/∂x[0]"),
]


@pytest.mark.parametrize(("f", "text"), WRITTEN)
def test_which_entries_are_written(f, text):
    x = leaf([0.5, 0.25], "x")
    story = paths(f(x), x, 0)
    assert text in str(story)
    assert (story.start.tensor, story.start.index, story.end.index) == (x, (0,), ())
    assert story.paths[0].steps[-1].tensor is story.end.tensor


def test_lines_stay_short_and_numbers_stand_below_their_factors():
    h = x = leaf(np.full((2, 2), 0.5), "a rather long name")
    for i in range(9):
        h = named(np.sin(h), f"layer {i}")
    rows = str(paths(np.sum(h), x, (1, 0))).splitlines()[2:-2]
    assert all(len(row) <= 115 for row in rows)
    for above, below in zip(rows[::2], rows[1::2], strict=True):
        assert all(below[i] == "·" for i, c in enumerate(above) if c == "·")
    x = leaf([0.5], "日本")  # wide letters, and an accent
    h = named(np.sin(x), "x\u0302")
    rows = str(paths(np.sum(h) * 2, x, 0)).splitlines()
    assert rows[2] == "  1.  ∂L/∂x\u0302[0] · ∂x\u0302[0]/∂日本[0]"
    assert rows[3] == "         2     ·     0.8776     = 1.755"


HOSTILE = r"""a<img src=x onerror=alert(1)>&lt;$1${}%#_^~\end{aligned}\input" """ + "\n\x00\x1b[31m"


def test_hostile_names():
    x = leaf([0.5, 2.0], HOSTILE)
    with scope("<b>"):
        h = np.tanh(x)
    story = paths(np.sum(h * h), x, 0)
    text, latex = str(story), story.latex()
    assert not {"\x00", "\x1b"} & set(text)
    assert len(text.splitlines()) < 14
    bare = re.sub(r"\\[{}$&#%_ ]", "", latex)  # what is escaped does nothing
    assert not set("$%#~^") & set(bare)
    assert bare.count("{") == bare.count("}")
    assert re.findall(r"\\end\b", latex) == [r"\end"]
    assert r"\input" not in latex
    assert not re.search("<[a-zA-Z/!?]|&[a-zA-Z#]", latex)  # neither a tag nor an entity
    assert story._repr_latex_() == rf"$\displaystyle {latex}$"


MISUSE = r"""
paths(Y, X, 0) ; ValueError: .*multiply has shape \(2,\): reduce it
paths(2.0, X, 0) ; TypeError: .*loss must be a Tensor, got float
paths(Y[0], np.ones(2), 0) ; TypeError: .*w must be a Tensor, got ndarray
paths(X[0], Y, 0) ; ValueError: .*getitem does not depend on this result of mult
paths(Y[0], Tensor(1.0)) ; ValueError: .*does not require a gradient
paths(Y[0], X) ; IndexError: .*'x' has shape \(2,\), so \(\) is not one entry
paths(Y[0], X, (0, 1)) ; IndexError: too many indices
paths(Y[0], X, -3) ; IndexError: index -3 is out of bounds
paths(Y[0], X, slice(1)) ; IndexError: .*slice\(None, 1, None\) is not one entry
paths(Y[0], X, True) ; IndexError: .*True is not one entry
paths(Y[0], X, 0, limit=-1) ; ValueError: .*0 or more, got -1
paths(Y[0], X, 0, limit=1.5) ; TypeError: .*float
paths(np.sqrt(X)[1], X, 1) ; FloatingPointError: .*sqrt: .*entry \(1,\).*inf
why_zero(np.sum(X), [1.0]) ; TypeError: .*why_zero\(loss, w\): w must be a Tensor, got list
why_zero(Y, X) ; ValueError: .*has shape \(2,\): reduce it to a scalar
why_zero(np.sum(X), X, 2) ; IndexError: index 2 is out of bounds
"""
X = leaf([1.0, 0.0], "x")
Y = X * X
test_misuse = explained(MISUSE, {**globals(), "why_zero": why_zero})


def test_indices_are_numpys_and_a_story_leaves_no_cycles():
    x = leaf(np.arange(1.0, 7).reshape(2, 3))
    loss = np.sum(np.tanh(x) @ np.ones((3, 2)))
    gc.disable()
    try:
        story = paths(loss, x, (np.int64(1), -1))
        assert story.start.index == (1, 2)
        seen = weakref.ref(loss)
        del loss, story
        assert seen() is None
    finally:
        gc.enable()
