"""The course of exercises: what a check believes, and the notebooks a student gets."""

import ast
import json
import linecache
import os

import numpy as np
import pytest

from tests.notebooks.exercise_kit import (
    EXERCISES,
    HERE,
    LESSONS,
    Returning,
    check,
    hint,
    judge_answer,
    judged,
    make,
    solution,
)

ALL = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda exercise: exercise.name)
GRADIENTS = [e for e in EXERCISES.values() if hasattr(e.truth, "loss")]


# ---- the course ----------------------------------------------------------------------------------


def test_there_are_at_least_twenty_in_the_order_of_the_lessons():
    numbers = [tuple(map(int, exercise.number.split("."))) for exercise in EXERCISES.values()]
    assert len(numbers) >= 20
    assert numbers == sorted(set(numbers))
    assert {lesson for lesson, _ in numbers} == set(range(1, 9))


@ALL
def test_three_hints_of_growing_help(exercise):
    assert len(set(exercise.words.hints)) == 3
    assert all(hint.endswith((".", "?", "way.")) for hint in exercise.words.hints)


@ALL
def test_the_start_defines_the_function_and_names_its_arguments(exercise):
    functions = {
        node.name: [argument.arg for argument in node.args.args]
        for node in ast.parse(exercise.words.start).body
        if isinstance(node, ast.FunctionDef)
    }
    case = next(iter(exercise.cases(np.random.default_rng(0))))
    assert functions[exercise.name] == list(case)


@ALL
def test_the_solution_is_the_start_filled_in(exercise):
    """It has the same signature and docstring, so that neither has drifted."""

    def described(cell):
        tree = ast.parse(cell)
        found = next(n for n in tree.body if getattr(n, "name", None) == exercise.name)
        return ast.dump(found.args), ast.get_docstring(found)

    assert described(exercise.words.start) == described(solution(exercise.name))


# ---- what a check believes -----------------------------------------------------------------------


@ALL
def test_cases_are_new_each_time(exercise):
    one, other = (list(exercise.cases(np.random.default_rng())) for _ in range(2))
    assert len(one) >= 3
    assert json.dumps(one, default=np.ndarray.tolist) != json.dumps(
        other, default=np.ndarray.tolist
    )


@ALL
def test_the_truth_is_finite_and_has_a_name_for_each_of_its_values(exercise):
    for case in exercise.cases(np.random.default_rng()):
        truth = exercise.true(**case)
        parts = truth if isinstance(truth, tuple) else (truth,)
        assert len(parts) == len(exercise.gives)
        assert all(np.isfinite(part).all() for part in parts)


@pytest.mark.parametrize("exercise", GRADIENTS, ids=lambda exercise: exercise.name)
def test_the_truth_of_a_gradient_agrees_with_differences(exercise):
    for case in list(exercise.cases(np.random.default_rng()))[:3]:
        assert exercise.truth.agrees(lambda *values, c=case: exercise.truth(
            **dict(zip(c, values, strict=True))), case)  # fmt: skip


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
    "a truth": "True",
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

DIFFERENCES = {
    "forward": ("1e-7", "(f(z + h) - f(z)) / h"),
    "central": ("1e-5", "(f(z + h) - f(z - h)) / (2 * h)"),
    "central, wide": ("1e-4", "(f(z + h) - f(z - h)) / (2 * h)"),
    "of five points": (
        "3e-3",
        "(8 * (f(z + h) - f(z - h)) - f(z + 2 * h) + f(z - 2 * h)) / (12 * h)",
    ),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_differences_are_no_formula(case):
    h, quotient = DIFFERENCES[case]
    cell = (
        f"def sigmoid_slope(z):\n    h = {h}\n    f = lambda z: 1 / (1 + np.exp(-z))\n"
        f"    return {quotient}\n"
    )
    verdict = judged("sigmoid_slope", cell)
    assert "as differences are" in verdict.said[0]


def test_numbers_of_fewer_digits_are_not_taken_for_differences():
    cell = solution("sigmoid_slope").replace("s * (1 - s)", "np.float32(s * (1 - s))")
    verdict = judged("sigmoid_slope", cell)
    assert "float32" in verdict.said[0]
    assert "differences" not in verdict.said[0]


@ALL
def test_a_forgotten_return_is_named(exercise):
    cell = f"def {exercise.name}(*arguments):\n    print('here it is')\n"
    verdict = judged(exercise.name, cell)
    assert verdict.result == "wrong"
    assert "is a return missing?" in verdict.said[0]


@ALL
def test_constants_are_no_answer(exercise):
    """The right values of some earlier cases, given again."""
    earlier = [
        exercise.true(**case) for case in exercise.cases(np.random.default_rng(1))
    ]  # fmt: skip
    given = iter(earlier * 50)
    verdict = judge_answer(exercise, Returning(exercise, lambda **case: next(given)))
    assert not verdict


def test_one_constant_is_named():
    verdict = judged("sigmoid_slope", "def sigmoid_slope(z):\n    return np.full(z.shape, 0.25)\n")
    assert not verdict
    cell = "def xavier(u):\n    return np.zeros(u.shape) + 0.1\n"
    assert not judged("xavier", cell)
    cell = "def momentum_step(w, v, g, rate, momentum):\n    return np.ones(3), np.ones(3)\n"
    assert not judged("momentum_step", cell)


# ---- notebooks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.__name__)
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
            if source.startswith("check("):
                shown[cell["id"]] = eval(source.partition("\n")[0], names)
            else:
                exec(compile(source, place, "exec"), names)
    return shown


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.__name__)
def test_unsolved_notebooks_run_and_say_that_nothing_is_written_yet(lesson):
    shown = cells_run(lesson, lambda exercise: exercise.words.start)
    assert len(shown) == len(lesson.EXERCISES)
    assert {verdict.result for verdict in shown.values()} == {"not written yet"}


def test_a_solved_notebook_is_right():
    shown = cells_run(LESSONS[0], make.solution)
    assert all(shown.values())


def test_an_answer_needs_all_it_uses_in_its_own_cell():
    source = "def sigmoid_slope(z):\n    return elsewhere(z)\n"
    linecache.cache["<cell x>"] = (len(source), None, source.splitlines(keepends=True), "<cell x>")
    names = {"elsewhere": lambda z: z}
    exec(compile(source, "<cell x>", "exec"), names)
    assert "'elsewhere' is not defined, in line 2" in check(names["sigmoid_slope"]).said[0]


def test_hints_come_one_by_one():
    def softmax(Z): ...

    shown = [hint(softmax).text for _ in range(4)]
    first, second, third = EXERCISES["softmax"].words.hints
    assert shown == [first, second, third, third]
    assert "Hint 3 of 3" in repr(hint(softmax))


def test_check_asks_for_the_function_of_an_exercise():
    with pytest.raises(ValueError, match="the function of an exercise itself"):
        check(np.exp)
    with pytest.raises(ValueError, match="the function of an exercise itself"):
        check("1.1")


@pytest.mark.heavy
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.__name__)
def test_solved_notebooks_are_right_in_jupyter(lesson):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    text = json.dumps(make.notebook(lesson, make.solution))
    notebook = nbformat.reads(text, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}
    ).execute(env=os.environ | {"PYTHONPATH": str(HERE.parent.parent)})
    shown = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    assert len(shown) == len(lesson.EXERCISES)
    assert all(line.startswith("✓") for line in shown)
