"""Each function that a page knows computes what NumPy does, also at changed numbers."""

import numpy as np
import pytest

from microgradnd import Tensor, history
from microgradnd.backward import differentiate
from microgradnd.draw.graph import Graph
from microgradnd.draw.picture import draw
from microgradnd.program.browser import browser_program
from microgradnd.program.value import NotDerivableError
from microgradnd.tree import flatten
from tests.draw.graphs import leaf
from tests.engine import cases, cases_of_compositions
from tests.program.test_derive_agrees import RECORDED


def near(mine, theirs):
    mine = np.array([each.replace("Infinity", "inf") for each in mine], float)
    theirs = np.asarray(theirs, float).reshape(-1)
    size = max(1.0, np.max(np.abs(theirs[np.isfinite(theirs)]), initial=0))
    np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10 * size)


RUN = """
const [written, changes] = arguments;
let program;
try { program = new Program(written); } catch (error) { return error.message; }
for (const [key, entries] of Object.entries(changes)) program.valueOf(key).data.set(entries);
program.run();
const numbers = (array) => array && [...array.data].map(String);
return Object.keys(program.places).filter((key) => key.startsWith("v")).map((key) =>
  [key, numbers(program.valueOf(key)), numbers(program.gradients.get(key))]);
"""


def weighted(results):
    """A number to which each entry of what a function returned contributes in its own way."""
    known = [each for each in flatten(results)[0] if getattr(each, "requires_grad", False)]
    weights = [np.cos(np.arange(each.size) + 1).reshape(each.shape) for each in known]
    return sum(np.sum(each * weight) for each, weight in zip(known, weights, strict=True))


@np.errstate(all="ignore")
def test_functions_at_changed_numbers_are_those_of_numpy_or_the_page_stays_still(show):
    page, alive = show(leaf(1.0, "w") * 2), 0
    for _, call, inputs, name in [*cases.CASES, *cases_of_compositions.CASES]:
        leaves = [leaf(x, f"x{i}") for i, x in enumerate(inputs)]
        loss = weighted(call(*leaves))
        if not isinstance(loss, Tensor):
            continue
        model = draw(loss).model
        keys = {node: model.key(node) for node in model.whole.shown}
        given = [each for each in leaves if each in keys]
        try:
            written = browser_program(model.graph, model.start, given, model.key)
        except (NotDerivableError, TypeError):
            continue
        changes, rng = {}, np.random.default_rng(0)
        for each in given:
            if name.partition("-")[0] not in RECORDED:  # also in another order, with other jumps
                each.data[...] = each.data.reshape(-1)[::-1].reshape(each.shape).copy()
            each.data[...] *= 1 + 1e-3 * rng.normal(size=each.shape)
            changes[keys[each]] = each.data.reshape(-1).tolist()
        shown = page.run(RUN, written, changes)
        if isinstance(shown, str):
            assert shown.endswith("is not among the functions that it knows"), name
            continue
        alive += 1
        loss = weighted(call(*leaves))
        gradients = differentiate({loss: loss.seed(None)}, history(loss), retain=True)
        computed = {f"v{number}": node for node, number in Graph([loss]).number.items()}
        for key, values, gradient in shown:
            near(values, computed[key].numpy())
            if gradient is not None:
                near(gradient, gradients[computed[key]])
    assert alive >= 808


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -3.0, 7.0, 1e300, 5e-324, np.inf, -np.inf, np.nan]
EVERY = """const signed = (x) => (Object.is(x, -0) ? "-0" : String(x));
  return Object.entries(ENTRYWISE).map(([name, f]) => {
    const values = arguments[name.startsWith("bitwise") ? 1 : 0].map(toNumber);
    return [name, f.length, values.flatMap((a) => values.map((b) => signed(f(...[a, b, 4].slice(0, f.length)))))];
  });"""


def test_functions_of_entries_are_those_of_numpy_at_special_values(show):
    special = pytest.importorskip("scipy.special")
    whole = list(range(-3, 6))
    found = show(leaf(1.0, "w") * 2).run(EVERY, list(map(str, SPECIAL)), list(map(str, whole)))
    assert len(found) > 60
    for name, arguments, texts in found:
        values = whole if name.startswith("bitwise") else SPECIAL
        grid = [each.reshape(-1) for each in np.meshgrid(values, values, indexing="ij")]
        function = getattr(np, name, None) or getattr(special, name)
        with np.errstate(all="ignore"):
            known = np.array(function(*[*grid, 4.0][:arguments]), float)
        theirs = np.array(texts, float)
        np.testing.assert_allclose(theirs, known, rtol=1e-14, err_msg=name)
        same = np.signbit(theirs) == np.signbit(known)
        any_zero = name in ("maximum", "minimum", "fmax", "fmin")  # of 0 and −0
        assert any_zero or np.all(same | (known != 0)), name
