"""Answers in processes of their own: what they may not do, and what an instructor gets."""

import contextlib
import csv
import io
import json
import os
import re
import sys

import grade
import hypothesis.extra.numpy
import make
import numpy as np
import pytest
from checks import EXERCISES
from checks.answers import Answer, Failure, Limits, read_reply
from checks.course import LESSONS
from checks.judge import judge
from checks.worker import Strange, decode, encode
from hypothesis import given
from hypothesis import strategies as st

from tests.markup import Markup
from tests.notebooks.exercise_kit import solution

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it alone keeps all the limits")

QUICK = Limits(seconds=1, megabytes=512)
SYSTEM = "import dataclasses\nsys = dataclasses.sys\nos = sys.modules['os']\n"  # around the rules


def answering(*lines, before=""):
    """A cell whose function does this."""
    return "\n".join([f"{before}def sigmoid_slope(z):", *(f"    {line}" for line in lines)])


def around(*lines):
    """The same, with modules that an answer may not import."""
    return answering(*lines, before=SYSTEM)


# Cells that answer 1.1 badly on purpose, and words that say what became of them.
HOSTILE = {
    "an endless loop": (answering("while True:", "    pass"), "did not finish"),
    "a long sleep": (around("sys.modules['time'].sleep(1000)"), "did not finish"),
    "a huge array": (answering("return np.ones((10**5, 10**5, 20))"), "512 MB"),
    "leaving at once": (f"{SYSTEM}os._exit(0)", "ended its process (exit code 0)"),
    "a crash": (around("os.abort()"), "crashed Python (SIGABRT)"),
    "another name": ("def slope(z):\n    return z", "no function sigmoid_slope"),
    "a patched judge": (
        SYSTEM + "sys.modules['__main__'].encode = lambda *a: 1.0\n" + answering("return z"),
        "the slope:",
    ),
    "inputs that are erased": (
        answering("s = 1 / (1 + np.exp(-z))", "z[...] = 0", "return s * (1 - s)"),
        "(z): make a new array instead",
    ),
    "a text of 66 megabytes": (answering("return 'x' * (66 * 2**20)"), "far too much"),
    "the solutions, past a patched guard": (
        SYSTEM
        + "path = sys.modules['posixpath']\n"
        + "path.abspath = path.normpath = lambda *_: sys.prefix + '/x'\n"
        + "for name in vars(sys.modules['__main__']).copy():\n"
        + "    if 'librar' in name or 'refuse' in name:\n"
        + "        setattr(sys.modules['__main__'], name, lambda *_: True)\n"
        + answering(
            f"return sys.modules['io'].open({str(make.HERE)!r} + '/solutions/1.1.py').read()"
        ),
        "opens no files",
    ),
    "the guard, looked for in memory": (
        around("sys.modules['importlib'].import_module('gc').get_objects()"),
        "may not use gc.get_objects",
    ),
    "a fork": (around("os.fork()"), "may not use os.fork"),
    "a file of one's own": (
        around("sys.modules['io'].open('here', 'w').write('x')"), "opens no files",
    ),
    "autograd, with no finder in its way": (
        SYSTEM + "del sys.meta_path[:-1]\n"
        + answering("return sys.modules['builtins'].__import__('nn')"),
        "with NumPy alone",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_answer_costs_itself_only(case):
    cell, words = HOSTILE[case]
    # On a busy machine the time must not be over before something else has gone wrong.
    limits = QUICK if words == "did not finish" else Limits(seconds=20, megabytes=512)
    verdict = judge(EXERCISES["sigmoid_slope"], cell, limits)
    assert verdict.result in ("stopped", "wrong")
    assert words in verdict.said[0], verdict


REFUSED = {
    "from microgradnd import grad\n": "it imports microgradnd",
    "import torch\n": "it imports torch",
    "def f():\n    from autograd import grad\n": "it imports autograd",
    "from checks import EXERCISES\n": "it imports checks",
    "from . import checks\n": "it imports .",
    "import os\n": "it imports os",
    "__import__('torch')\n": "no need of __import__",
    "eval('1')\n": "no need of eval",
    "open('solutions/1.1.py')\n": "no need of open",
    "f = lambda z: np.exp(z + 1e-20j)\n": "taking differences",
    "f = lambda z: np.exp(z.astype('complex'))\n": "taking differences",
    "f = lambda z: np.exp(z.astype(complex))\n": "taking differences",
    "f = lambda z: np.imag(z)\n": "taking differences",
    "f = lambda z: np.exp(z.astype(np.longdouble))\n": "more digits",
    "f = lambda z: np.exp(z.astype('longdouble'))\n": "more digits",
}


@pytest.mark.parametrize("line", REFUSED)
def test_a_short_cut_is_refused_and_named(line):
    verdict = judge(EXERCISES["sigmoid_slope"], line + solution("sigmoid_slope"), QUICK)
    assert verdict.result == "short cut"
    assert REFUSED[line] in verdict.said[0]


@pytest.mark.parametrize("line", ["import math, itertools\n", "print(1)\n", "check(None)\n"])
def test_what_is_harmless_is_allowed(line):
    assert judge(EXERCISES["sigmoid_slope"], line + solution("sigmoid_slope"))


def test_nothing_outlives_an_answer():
    with Answer("def f(x):\n    return x\n", "f") as answer:
        assert answer(1.5) == 1.5
        process = answer._process
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


# ---- what is said between the processes ----------------------------------------------------------

NUMBERS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text()
)


ARRAYS = hypothesis.extra.numpy.arrays(
    st.sampled_from(["f8", "i8", "?"]), st.sampled_from([(), (2, 0, 3), (2, 3)])
)


@given(st.one_of(ARRAYS, st.recursive(NUMBERS, lambda inner: st.lists(inner, max_size=4))))
def test_values_arrive_as_they_were_sent(value):
    arrived = decode(json.loads(json.dumps(encode(value))))
    np.testing.assert_equal(arrived, value)
    assert getattr(arrived, "dtype", None) == getattr(value, "dtype", None)


KEYS = st.sampled_from(["value", "raised", "line", "shape", "kind", "entries", "strange"])
JUNK = st.recursive(
    NUMBERS | st.sampled_from(["float64", "object"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)
NO_REPLIES = ["", "null", "[]", "nonsense", "[" * 10**5, '{"value": 1' * 3, "1e999"]


@given(JUNK.map(json.dumps) | st.sampled_from(NO_REPLIES))
def test_whatever_a_process_says_is_a_value_or_a_failure(text):
    try:
        reply = read_reply(text, QUICK)
    except Failure:
        return
    assert text not in NO_REPLIES
    value = decode(reply.get("value"))
    kinds = bool | int | float | str | list | np.ndarray | Strange | None
    assert isinstance(value, kinds)


# ---- grading -------------------------------------------------------------------------------------


def handed_in(folder, name, answers=None, lesson=LESSONS[0]):
    """A notebook with these cells in it, by the exercises' names."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = make.notebook(lesson, lambda e: (answers or {}).get(e.name, e.words.start))
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def grade_folder(folder, *options):
    """The lines of the table for the notebooks in the folder `in`, by student and exercise."""
    out = ["--out", str(folder / "out"), "--seconds", "2", "--jobs", "2"]
    assert grade.main([str(folder / "in"), *out, *options]) == 0
    with (folder / "out" / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        return {(row["student"], row["exercise"]): row for row in csv.DictReader(file)}


EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)">\' title="'
RAISES_EVIL = f"def sigmoid_slope(z):\n    raise ValueError({EVIL!r})\n"
RAISES_HALF = "def sigmoid_slope(z):\n    raise ValueError('\\ud800')\n"


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The results of a class in which many things go wrong, the tables, and what was printed."""
    folder = tmp_path_factory.mktemp("class")
    inside = folder / "in"
    right = {name: solution(name) for name in ("sigmoid_slope", "tower_slope", "all_paths")}
    cases = ["an endless loop", "leaving at once", "a crash", "a huge array"]
    for number, case in enumerate(cases):
        handed_in(inside, f"student{number}.ipynb", right | {"sigmoid_slope": HOSTILE[case][0]})
    handed_in(inside, "good.ipynb", right)
    handed_in(inside, "anna/1.ipynb", {"sigmoid_slope": solution("sigmoid_slope")})
    third = {"hidden_error": solution("hidden_error")}
    handed_in(inside, "anna/deeper/3.ipynb", third, LESSONS[2])
    handed_in(inside, "anna/.ipynb_checkpoints/1-checkpoint.ipynb", {})
    handed_in(inside, "bert/1.ipynb").write_text("no notebook")
    handed_in(inside, "Šarić Ægir/1.ipynb")
    handed_in(inside, "=HYPERLINK(1)<script>alert(3)<b>/x.ipynb", {"sigmoid_slope": RAISES_EVIL})
    halves = {"sigmoid_slope": RAISES_HALF, "tower_slope": "'\ud800'"}
    handed_in(inside, "half\udcff.ipynb", halves)
    handed_in(inside, "copies/a.ipynb", right | {"all_paths": "def all_paths(w): return w"})
    handed_in(inside, "copies/b.ipynb", {"all_paths": right["all_paths"]})
    handed_in(inside, "copies/c.ipynb")
    lost = handed_in(inside, "lost.ipynb", right)
    lost.write_text(
        lost.read_text("utf-8").replace('"exercise": "1.1"', '"exercise": ["1.1"]'), "utf-8"
    )
    large = handed_in(inside, "large.ipynb", right)
    large.write_text(large.read_text("utf-8") + " " * 21 * 2**20, "utf-8")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        results = grade_folder(folder, "--megabytes", "512")
    return results, folder / "out", printed.getvalue()


def test_a_hostile_answer_leaves_the_others_their_points(graded):
    results, _, _ = graded
    for number in range(4):
        points = [results[f"student{number}", f"1.{k}"]["points"] for k in (1, 2, 3)]
        assert points == ["0", "1", "1"]
    for student in ("good", "copies", "lost"):  # untouched copies, and a cell without its mark
        assert [results[student, f"1.{k}"]["result"] for k in (1, 2, 3)] == ["right"] * 3
    assert results["good", "3.1"]["result"] == "not handed in"


def test_a_student_may_have_a_folder_and_any_name(graded):
    results, out, _ = graded
    assert len(results) == len({student for student, _ in results}) * len(EXERCISES)
    assert results["anna", "1.1"]["points"] == results["anna", "3.2"]["points"] == "1"
    assert results["anna", "1.2"]["result"] == "not written yet"
    assert ("Šarić Ægir", "1.1") in results
    assert (out / "results.csv").read_bytes().startswith(b"\xef\xbb\xbfstudent,")
    assert "\\ud800" in results["half\\udcff", "1.1"]["said"]  # half a character, escaped
    assert results["half\\udcff", "1.2"]["points"] == "0"


def test_what_cannot_be_read_is_reported_once(graded):
    results, _, printed = graded
    for student, words in {
        "bert": "1.ipynb is not a notebook",
        "large": "large.ipynb is larger than 20 MB: clear its outputs",
    }.items():
        assert results[student, "1.1"]["result"] == "not handed in"
        assert words in results[student, "1.1"]["said"]
        assert printed.count(words) == 1


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"cells": 3}', '{"cells": [{}]}', '{"cells": [{"cell_type": "code"}]}',
                '{"cells": [{"cell_type": "code", "source": [1]}]}', "[" * 10**5, "\x00\xff"],
)  # fmt: skip
def test_a_broken_notebook_is_an_error_of_its_own(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match="is not a notebook"):
        list(grade.answers_in(path))


def test_what_students_write_is_inert_in_both_tables(graded):
    _, out, _ = graded
    found = Markup((out / "results.html").read_text(encoding="utf-8"))
    assert not {"script", "img", "a", "iframe"} & {*found.tags}
    assert not any(name.startswith("on") for each in found.attributes for name in each)
    with (out / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.reader(file):
            assert not any(re.match(r"\s*[=+\-@]", field) for field in row)
    verdict = judge(EXERCISES["sigmoid_slope"], RAISES_EVIL)
    assert "script" not in Markup(verdict._repr_html_()).tags


def test_a_fault_of_the_check_costs_nobody_else_a_result(tmp_path, monkeypatch):
    path = handed_in(tmp_path, "x.ipynb", {"sigmoid_slope": "def sigmoid_slope(z): return z"})

    def broken(*_):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(grade, "judge", broken)
    results = grade.grade_student("x", [path], QUICK)
    assert results[0].result == "stopped"
    assert "a fault of ours" in results[0].said


@pytest.mark.heavy
def test_all_solutions_are_right_for_the_instructor(tmp_path):
    make.write(tmp_path / "in" / "teacher", make.solution)
    results = grade_folder(tmp_path)
    assert all(row["result"] == "right" for row in results.values())
