"""The course of exercises: what a check believes, and the notebooks a student gets."""

import ast
import json
import linecache
import sys
import types

import numpy as np
import pytest

from tests.notebooks.exercise_kit import (
    EXERCISES,
    HERE,
    LESSONS,
    Returning,
    check,
    hint,
    judge,
    judge_answer,
    judged,
    make,
    solution,
)

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


def test_a_hint_stands_above_the_verdict_in_the_cell_of_the_check(capsys):
    cells = make.notebook(make.LESSONS[0])["cells"]
    help_and_check = next("".join(c["source"]) for c in cells if c["id"] == "exercise-1-1-check")
    helped, checked = help_and_check.splitlines()
    assert (helped, checked) == ("# hint(sigmoid_slope)", "check(sigmoid_slope)")

    def sigmoid_slope(z):
        return z

    for _ in range(4):
        hint(sigmoid_slope)
    hints = capsys.readouterr().out.splitlines()
    assert [line[:11] for line in hints if line[:4] == "Hint"] == [
        f"Hint {n} of 3" for n in (1, 2, 3, 3)
    ]


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


# ---- short cuts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("h", "quotient"),
    [
        ("1e-7", "(f(z + h) - f(z)) / h"),
        ("1e-5", "(f(z + h) - f(z - h)) / (2 * h)"),
        ("1e-4", "(f(z + h) - f(z - h)) / (2 * h)"),
        ("3e-3", "(8 * (f(z + h) - f(z - h)) - f(z + 2 * h) + f(z - 2 * h)) / (12 * h)"),
    ],
)
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
    stored = json.loads((HERE / make.file_name(lesson)).read_text(encoding="utf-8"))
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
