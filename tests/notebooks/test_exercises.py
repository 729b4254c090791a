"""The course of exercises: what a check believes, and the notebooks a student gets."""

import ast
import json
import linecache
import re
import sys
import types

import make
import numpy as np
import pytest
from checks import EXERCISES, check, hint
from checks.answers import Limits
from checks.course import LESSONS
from checks.judge import judge, judge_answer

from tests.notebooks.exercise_kit import Returning, judged, solution, with_mistake

ALL = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda exercise: exercise.name)
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.__name__)


# ---- the course ----------------------------------------------------------------------------------


def functions(cell):
    """The arguments and the docstring of each function of a cell."""
    return {
        node.name: ([argument.arg for argument in node.args.args], ast.get_docstring(node))
        for node in ast.parse(cell).body
        if isinstance(node, ast.FunctionDef)
    }


def test_there_are_at_least_twenty_in_the_order_of_the_lessons():
    numbers = [tuple(map(int, exercise.number.split("."))) for exercise in EXERCISES.values()]
    assert len(numbers) >= 20
    assert numbers == sorted(set(numbers))
    assert {lesson for lesson, _ in numbers} == set(range(1, 9))


def test_hints_come_one_after_the_other(capsys):
    def sigmoid_slope(z):
        return z

    for _ in range(4):
        hint(sigmoid_slope)
    hints = capsys.readouterr().out
    assert re.findall(r"Hint \d of \d", hints) == [f"Hint {n} of 3" for n in (1, 2, 3, 3)]


@ALL
def test_hints_first_cell_solution_and_cases_fit_together(exercise):
    assert len(set(exercise.words.hints)) == 3
    assert all(hint.endswith((".", "?")) for hint in exercise.words.hints)
    start, solved = functions(exercise.words.start), functions(solution(exercise.name))
    one, other = (list(exercise.cases(np.random.default_rng())) for _ in range(2))
    assert start[exercise.name][0] == list(one[0])
    assert start[exercise.name] == solved[exercise.name]
    assert len(one) >= 3
    assert exercise.extremes
    one, other = (json.dumps(cases, default=np.ndarray.tolist) for cases in (one, other))
    assert one != other  # they are new at each check


# ---- what a check believes -----------------------------------------------------------------------


@ALL
def test_the_truth_is_finite_and_a_gradient_agrees_with_differences(exercise):
    for k, (_, case) in enumerate(exercise.trials(np.random.default_rng())):
        truth = exercise.true(**case)
        assert len(truth) == len(exercise.gives)
        assert all(np.isfinite(part).all() for part in truth)
        if hasattr(exercise.truth, "loss") and k < 3:
            true = lambda *xs, case=case: exercise.true(**dict(zip(case, xs, strict=True)))  # noqa: E731
            assert exercise.truth.agrees(true, case)


@ALL
def test_every_mistake_in_the_table_is_wrong_and_recognised_among_the_others(exercise):
    def answer(mistaken):
        def given(**case):
            true, wrong = exercise.true(**case), exercise.instead(mistaken, case)
            values = [t if w is None else w for t, w in zip(true, wrong, strict=True)]
            return values if len(values) > 1 else values[0]

        return given

    with np.errstate(all="ignore"):
        for words, mistaken in exercise.mistakes.items():
            verdict = judge_answer(exercise, Returning(exercise, answer(mistaken)))
            assert not verdict, words
            assert words in "".join(verdict.said) or verdict.result == "stopped", (words, verdict)


ODD = {
    "nothing in some cases": "None if np.random.rand() < 0.5 else 1.0",
    "a text": "'1.0'",
    "a list of unlike parts": "[[1.0, 2.0], 3.0]",
    "a dictionary": "{'dW': 1.0}",
    "nan": "np.nan",
    "a complex number": "np.sqrt(np.array(-1.0, dtype=complex))",
    "an object": "object()",
    "a boolean": "True",
    "an enormous integer": "10**400",
    "an array of objects": "np.array([None, 'x'], dtype=object)",
    "too many values": "(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)",
    "a huge array": "np.broadcast_to(1.0, (10**5, 10**5))",
    "an empty array": "np.zeros((0, 3))",
    "a function": "np.exp",
    "dots": "...",
}


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", ["sigmoid_slope", "weight_gradients", "autograd"])
def test_any_value_at_all_gets_a_verdict(name, value):
    verdict = judged(name, f"def {name}(*arguments):\n    return {value}\n")
    assert verdict.result in ("wrong", "stopped", "not written yet")
    assert verdict.said or verdict.result == "not written yet"
    assert repr(verdict)
    assert verdict._repr_html_()


# ---- typical wrong answers ------------------------------------------------------------------------

# An edit of the solution: what stands there, what somebody writes instead, and words of the verdict.
# Each exercise's own mistakes are tried above; here are those that all exercises share.
MISTAKES = [
    ("sigmoid_slope", "s * (1 - s)", "-s * (1 - s)", "wrong sign"),
    ("tower_slope", " * 2 * x", " * x", "1/2 times"),
    ("output_error", "(A - Y) / m", "(A - Y)", "5 times what it should be, and 5 is the length of axis 1 of Z"),
    ("weight_gradients", "delta @ H.T / m", "H @ delta.T / m", "dW: transposed"),
    ("weight_gradients", "axis=1)", "axis=1, keepdims=True)", "arranged in another shape"),
    ("cross_entropy_slope", "Z - Z.max(axis=0)", "Z", "overflow"),
    ("rosenblatt_pass", "w = w + label * x", "w += label * x", "changes its arguments (w)"),
    ("softmax", "Z - Z.max(axis=0)", "Z", "scores of 800"),
    ("softmax", "Z.max(axis=0)", "Z.max()", "columns of very different size"),
    ("softmax", "E / E.sum(axis=0)", "(E / E.sum(axis=0)).T", "transposed"),
    ("minibatch_step", "return w - step", "w -= step\n    return w", "changes its arguments (w)"),
    ("network_gradients", "delta2.sum(axis=1)", "delta2", "db2: you forgot to sum over axis 1"),
    ("network_gradients", "return dW1, db1, dW2, db2", "return dW2, db2, dW1, db1", "in another order"),
    ("dropout_backward", "g * mask", "g * (np.random.rand(*g.shape) < keep)", "something else at each call"),
    ("batch_norm_backward", "g.sum(axis=1)", "g", "dβ: you forgot to sum over axis 1"),
    ("conv_backward", "return d_image", "return d_image[1:-1, 1:-1]", "its shape is"),
    ("autograd", "g = np.sum(g, axis=tuple(range(np.ndim(g) - len(shape))))", "pass", "operands that are repeated"),
    ("autograd", "g @ b.data.T, lambda g: a.data.T @ g", "g @ b.data, lambda g: a.data @ g", "matmul and tanh"),
]  # fmt: skip

IN_TURN = """\
for value in reversed(values):  # every gradient is complete when its turn comes
        value.pull_back()"""
TOO_MUCH = {
    "visit every value once": (
        "autograd",
        IN_TURN,
        """\
def visit(value, g):
        value.receive(g)
        for parent, rule in zip(value.parents, value.rules):
            visit(parent, rule(g))
    values[-1].gradient = 0.0
    visit(values[-1], np.ones(()))""",
    ),
    "use a loop where a function calls itself": (
        "autograd",
        IN_TURN,
        """\
def visit(values):
        if values:
            values[-1].pull_back()
            visit(values[:-1])
    visit(values)""",
    ),
    "H is too large to be built": (
        "hessian_times",
        "return X.T @ change / len(X)",
        "return (X.T @ ((s * (1 - s))[:, None] * X) / len(X)) @ v",
    ),
}


@pytest.mark.parametrize(("name", "right", "wrong", "words"), MISTAKES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # answers may overflow
def test_a_typical_wrong_answer_is_rejected_by_name(name, right, wrong, words):
    verdict = judged(name, with_mistake(name, right, wrong))
    assert not verdict
    assert words in " ".join(verdict.said), verdict


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_is_right_and_the_start_is_not(name):
    assert judged(name, solution(name))
    assert judged(name, EXERCISES[name].words.start).result == "not written yet"


def test_a_right_answer_may_be_lists_of_numbers():
    arrays = solution("weight_gradients").replace("def weight_gradients", "def arrays")
    lists = "def weight_gradients(*given):\n    return [x.tolist() for x in arrays(*given)]\n"
    assert judged("weight_gradients", arrays + lists)


@pytest.mark.parametrize("words", TOO_MUCH)
def test_the_verdict_on_an_answer_that_does_too_much_work_names_it(words):
    name, right, wrong = TOO_MUCH[words]
    verdict = judge(EXERCISES[name], with_mistake(name, right, wrong), Limits(2, 1024))
    assert verdict.result == "stopped"
    assert words in verdict.said[0]


# ---- short cuts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("h", "quotient"), [
    ("1e-7", "(f(z + h) - f(z)) / h"),
    ("1e-5", "(f(z + h) - f(z - h)) / (2 * h)"),
    ("1e-4", "(f(z + h) - f(z - h)) / (2 * h)"),
    ("3e-3", "(8 * (f(z + h) - f(z - h)) - f(z + 2 * h) + f(z - 2 * h)) / (12 * h)"),
])  # fmt: skip
def test_differences_are_not_a_formula(h, quotient):
    cell = f"""def sigmoid_slope(z):
    h = {h}
    f = lambda z: 1 / (1 + np.exp(-z))
    return {quotient}"""
    assert "as differences are" in judged("sigmoid_slope", cell).said[0]


@ALL
def test_a_forgotten_return_is_named_and_constants_are_no_answer(exercise):
    verdict = judged(exercise.name, f"def {exercise.name}(*arguments):\n    print('here it is')\n")
    assert verdict.result == "wrong"
    assert "is a return missing?" in verdict.said[0]
    earlier = [exercise.true(**case) for _, case in exercise.trials(np.random.default_rng(1))]
    given = iter(earlier * 50)  # the right values of some earlier cases, again
    assert not judge_answer(exercise, Returning(exercise, lambda **case: next(given)))


# ---- notebooks -----------------------------------------------------------------------------------


@each_lesson
def test_notebooks_are_stored_as_they_are_made(lesson):
    stored = json.loads((make.HERE / make.file_name(lesson)).read_text(encoding="utf-8"))
    assert stored == make.notebook(lesson)
    assert set(stored["metadata"]) == {"kernelspec", "language_info"}
    identities = [cell["id"] for cell in stored["cells"]]
    assert len(set(identities)) == len(identities)
    assert all(not cell.get("outputs") for cell in stored["cells"])


def cells_run(lesson, answer):
    """What the last line of each check gives, when cells are run as IPython does."""
    names, shown = {}, {}
    for cell in make.notebook(lesson, answer)["cells"]:
        if cell["cell_type"] == "code":
            source, place = "".join(cell["source"]), f"<cell {cell['id']}>"
            linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
            if (last := source.splitlines()[-1]).startswith("check("):
                shown[cell["id"]] = eval(last, names)
            else:
                exec(compile(source, place, "exec"), names)
    return shown


@pytest.mark.filterwarnings("error")
@each_lesson
def test_unsolved_notebooks_run_and_a_solved_one_is_right(lesson):
    shown = cells_run(lesson, lambda exercise: exercise.words.start)
    assert len(shown) == len(lesson.EXERCISES)
    assert {verdict.result for verdict in shown.values()} == {"not written yet"}
    if lesson is LESSONS[0]:
        assert all(cells_run(lesson, make.solution).values())


def test_an_answer_needs_all_it_uses_in_its_own_cell():
    source = "def sigmoid_slope(z):\n    return elsewhere(z)\n"
    linecache.cache["<cell x>"] = (len(source), None, source.splitlines(keepends=True), "<cell x>")
    names = {"elsewhere": lambda z: z}
    exec(compile(source, "<cell x>", "exec"), names)
    assert "'elsewhere' is not defined, in line 2" in check(names["sigmoid_slope"]).said[0]


@pytest.mark.parametrize(
    "line", ["%%time", "%matplotlib inline", "!pip list", "  %timeit 1", "np.exp?"]
)
def test_lines_for_the_notebook_are_skipped(line):
    right, exercise = solution("sigmoid_slope"), EXERCISES["sigmoid_slope"]
    assert judge(exercise, f"{line}\n{right}")
    wrong = right.replace("1 / (", "one / (")
    assert "in line 4" in judge(exercise, f"{line}\n{wrong}").said[0]
    assert judge(exercise, right.replace("return s * (1 - s)", "return (s * (1 - s)\n    % 1)"))


def test_a_cell_that_could_not_be_run_is_the_one_that_is_judged(monkeypatch):
    right = solution("sigmoid_slope")
    manager = types.SimpleNamespace(input_hist_raw=["", right, right.replace("return", "retrun")])
    shell = types.SimpleNamespace(history_manager=manager)
    module = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", module)
    names = {"np": np}
    exec(right, names)
    assert "SyntaxError" in check(names["sigmoid_slope"]).said[0]
    manager.input_hist_raw.append(f"%%time\n{right}")
    assert check(names["sigmoid_slope"])


@pytest.mark.parametrize("answer", [np.exp, "1.1"])
def test_check_asks_for_the_function_of_an_exercise(answer):
    with pytest.raises(ValueError, match="the function of an exercise itself"):
        check(answer)
