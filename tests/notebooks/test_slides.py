"""The slides, checked: the verdicts follow from the checks, the checks can fail, nothing is left out."""

import ast
import doctest
import html.parser
import json
import pathlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from microgradnd import primitive

HOUSE = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(HOUSE / "notebooks"))

import slides.markup  # noqa: E402
import slides.row  # noqa: E402
import slides.sample  # noqa: E402
from slides.page import page  # noqa: E402
from slides.row import MISTAKES, Row, Writer, judge, number, rounds_to  # noqa: E402
from slides.sample import Sample, random_samples  # noqa: E402
from slides.table import Findings, names, run  # noqa: E402
from slides.texts import TEXTS  # noqa: E402

ENTRIES = [(name, row) for text in TEXTS for name, row in zip(names(text), text.rows, strict=True)]
CHECKED = [pytest.param(row, id=name) for name, row in ENTRIES if row.check is not None]
MISTAKEN = [pytest.param(row, id=name) for name, row in ENTRIES if row.correction is not None]

# The lines of each text with a relation (=, ≈, →, <, ∈ …) between mathematical signs.
FORMULA_LINES = {
    "000": """
        41 42 43 51 76 101 104 115 118 125 126 127 131 132 142 145 148 157 158 163 168 171
        172 179 180 183 187 190 191 194 195 198 201 210 213 216 223 226 232 233 235 239 241
        243 253 255 258 259 261 263
    """,
    "001": """
        30 32 35 52 53 57 63 66 68 70 72 80 84 90 105 107 112 118 122 124 127 131 133 139
        150 152 154 156 160 162 164 168 171 173 175 177 179 186 188 199 201 212 214 225 228
        244 246 250 252 254 256 258 260 263 265 267 269 287 289 291 293 295 297 299 301 303
        305 307 309 311 313 315 317
    """,
    "002": """
        27 29 39 43 51 54 56 66 71 122 130 134 135 165 169 179 180 188 190 226 247 251 266
        268 269 273 274 279 281 282 290 296 317 324 343 346 355 363 365 367 373 377 382 391
        395 425 429 435 437 443 447 455 459 461 463 464 468 472 477 481 483 488 493 501 505
        509 510 514 516 521 522 525 530 541 544 547 549 552 555 558 561 566 573 575 578 582
        585 592 595 598 611 613 616 618 623 625 627 657 676 683 686 689 692 695 702 705 708
        711 714 717 724 728 743 751 757 758 777 785 791 809 833 855 875 876 882 883
    """,
    "003": """
        17 18 23 24 25 29 45 47 55 61 63 68 69 72 74 76 88 90 92 103 104 107 109 112 114 116
        126 127 128 130 132 134
    """,
    "004": """
        27 38 41 52 53 65 75 77 82 88 104 135 168 190 195 205 220 223 237 252 254 262 264
        265 267 269 270 272 282 283 284 286 299 302 304 308 311 326 328 330 334 340 341 351
        364 366 376 388 396 398 400 406 410 412 418 419 428 431 433 452 480 481 482 483 484
        488 492 493 494 495 496 500 501 502 503 504 508 509 510 511 512 520 521 530 532 535
        537 546 571 582 586 595
    """,
}

# What a person found wrong by reading: the lines, as often as there is a mistake on them.
KNOWN_MISTAKES = {
    "000": "42 43 51 213 263",
    "001": "53 88 124 141 260 265 265 269 269 269 274 297 303 303 305 305 315 317",
    "002": """
        247 269 273 274 312 349 363 461 501 585 635 642 643 657 689 717 719 747 757 757 758 758
        770 785 819 875 878 883
    """,
    "003": """
        23 72 72 74 76 90 107 112 114 116 126 130 132 132 132 134 134 173 173 176
    """,
    "004": "136",
}


@pytest.fixture(scope="module")
def findings():
    return run()


def first_line(row):
    return int(row.lines.replace(",", "-").partition("-")[0])


def lines_of(row):
    """All lines that a row is about."""
    for part in row.lines.split(","):
        first, _, last = part.strip().partition("-")
        yield from range(int(first), int(last or first) + 1)


# ---- the rows ------------------------------------------------------------------------------------


def test_every_row_is_settled(findings):
    unsettled = findings.only(verdict="unsettled").entries
    assert not unsettled, [(entry.name, entry.judged.finding) for entry in unsettled]
    assert len(findings) == sum(len(text.rows) for text in TEXTS)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_the_known_mistakes_are_found_and_no_others(findings, text):
    wrong = findings.only(text.name, "wrong").entries
    found = sorted(first_line(entry.judged.row) for entry in wrong)
    assert found == [int(line) for line in KNOWN_MISTAKES[text.name].split()]


def test_the_worked_example_by_nothing_but_numpy(findings):
    (entry,) = (e for e in findings.entries if e.judged.row.printed == "∂L/∂w_212 = −0.029")
    w1 = np.array(
        [[0.1, 0.3, 0.8, -0.4], [-0.3, -0.2, 0.5, 0.5], [-0.3, 0, 0.5, 0.4], [0.2, 0.5, -0.9, 0.7]]
    )
    w2 = np.array([[0.5, 0.8, 0.2, 0.4], [0.5, 0.2, 0.3, -0.5]])

    def loss(w212):
        w = w2.copy()
        w[0, 1] = w212
        scores = np.exp(w @ (1 / (1 + np.exp(-w1 @ [2, 5, 3, 3]))))
        return np.sum((scores / scores.sum() - [1, 0]) ** 2)

    slope = (loss(0.8 + 1e-5) - loss(0.8 - 1e-5)) / 2e-5
    assert entry.judged.verdict == "wrong"
    assert float(entry.judged.row.corrected.replace("−", "-")) == round(slope, 4) == -0.1304


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_rows_are_in_the_order_of_the_text_and_named_once(text):
    lines = [first_line(row) for row in text.rows]
    assert lines == sorted(lines)
    assert len(set(names(text))) == len(text.rows)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_no_line_with_a_formula_is_left_out(text):
    covered = {line for row in text.rows for line in lines_of(row)}
    assert {int(line) for line in FORMULA_LINES[text.name].split()} - covered == set()


def test_a_wrong_row_says_what_is_right_and_which_mistake_it_is():
    for name, row in ENTRIES:
        told = bool(row.corrected), row.correction is not None, bool(row.mistake)
        assert len(set(told)) == 1, name
        assert not row.mistake or row.mistake.partition(":")[0] in MISTAKES, name


# ---- the checks can fail -------------------------------------------------------------------------


def spoiled(claim):
    """A formula that gives something a little different, or another last digit."""
    if isinstance(claim, str):
        place = max(k for k, sign in enumerate(claim) if sign.isdigit())
        return f"{claim[:place]}{(int(claim[place]) + 5) % 10}{claim[place + 1 :]}"

    def other(s):
        value = claim(s)
        return np.asarray(value.numpy() if hasattr(value, "numpy") else value) * 1.001 + 0.001

    return other


@pytest.mark.parametrize("row", [p for p in CHECKED if p.values[0].correction is None])
def test_a_formula_spoiled_is_called_wrong(row):
    words = {"corrected": row.printed, "mistake": "factor: planted"}
    planted = replace(row, claim=spoiled(row.claim), correction=row.claim, **words)
    assert judge(planted).verdict == "wrong"
    assert judge(replace(row, claim=spoiled(row.claim))).verdict == "unsettled"


@pytest.mark.parametrize("row", MISTAKEN)
def test_a_mistake_put_right_is_called_right(row):
    planted = replace(row, claim=row.correction, correction=None)
    assert judge(planted).verdict == row.otherwise


@pytest.mark.parametrize("row", MISTAKEN)
def test_a_correction_that_is_wrong_itself_settles_nothing(row):
    assert judge(replace(row, correction=spoiled(row.correction))).verdict == "unsettled"
    assert judge(replace(row, correction=row.claim)).verdict == "unsettled"
    assert judge(replace(row, correction=None)).verdict == "unsettled"


def test_a_right_row_with_a_correction_is_unsettled():
    writer = Writer(random_samples(lambda rng: Sample({"x": rng.normal()})))
    more = {"corrected": "x", "correction": lambda s: s.x, "mistake": "sign: none"}
    planted = writer.formula("1", "", "x", lambda s: s.x, lambda s: s.x, **more)
    assert judge(planted).verdict == "unsettled"


def test_shapes_that_broadcast_do_not_agree():
    writer = Writer(random_samples(lambda rng: Sample({"x": np.ones((3, 1))})))
    judged = judge(writer.formula("1", "", "x", lambda s: np.ones((3, 3)), lambda s: s.x))
    assert "shape (3, 3), must have (3, 1)" in judged.finding.found


def test_what_is_not_a_number_does_not_agree():
    writer = Writer(random_samples(lambda rng: Sample({"x": np.ones(2)})))
    row = writer.formula("1", "", "x", lambda s: s.x * np.nan, lambda s: s.x)
    assert judge(row).verdict == "unsettled"


@pytest.mark.parametrize("digits", [0, 1, 3])
def test_digits_are_right_when_they_are_what_the_number_rounds_to(digits):
    for value in np.random.default_rng(0).normal(size=100) * 50:
        unit = 10.0**-digits
        check = rounds_to(lambda value=value: value)
        assert check(f"{value:.{digits}f}").agrees
        for other in (value + 1.01 * unit, value - 1.01 * unit):
            assert not check(f"{other:.{digits}f}").agrees


def test_digits_from_rounded_numbers_are_accepted_and_told():
    check = rounds_to(lambda: 0.0972, lambda: 0.89 * 0.11)
    assert check("0.0979").agrees
    assert "only from the rounded numbers" in check("0.0979").found
    assert "only" not in check("0.0972").found
    assert not check("0.0981").agrees


def test_a_number_with_a_unit_is_read_to_its_last_digit():
    assert judge(number("1", "", "", "65k", rounds_to(lambda: 64_660))).verdict == "right"
    assert not rounds_to(lambda: 60_965_224)("60M").agrees
    assert rounds_to(lambda: 60_965_224)("61M").agrees
    with pytest.raises(AssertionError, match="not a number"):
        rounds_to(lambda: 1)("one")


# ---- derivatives ---------------------------------------------------------------------------------


def test_a_derivative_goes_over_all_paths_and_holds_fixed_what_is_not_downstream():
    s = Sample(
        {"x": np.array([0.3, 0.5])},
        {"u": lambda v: v.x**2, "w": lambda v: np.sin(v.u), "y": lambda v: np.sum(v.u * v.w)},
    )
    slope = np.sin(s.u) + s.u * np.cos(s.u)
    np.testing.assert_allclose(s["∂y/∂x"], slope * 2 * s.x)
    np.testing.assert_allclose(s["∂y/∂u"], slope)
    np.testing.assert_allclose(s["∂y/∂w"], s.u)
    np.testing.assert_allclose(s["∂w[1]/∂u"], [0, np.cos(s.u[1])])
    np.testing.assert_allclose(s["∂w/∂u[1]"], [0, np.cos(s.u[1])])


def test_autograd_that_is_wrong_is_not_a_truth():
    wrong = primitive(lambda x: x**2, lambda g, y, x: 3 * g * x)
    s = Sample({"x": 1.0}, {"y": lambda v: wrong(v.x)})
    with pytest.raises(AssertionError, match="do not agree on ∂y/∂x"):
        s["∂y/∂x"]


def test_the_examples_in_the_code_hold():
    for module in (slides.sample, slides.row, slides.markup):
        assert doctest.testmod(module).failed == 0


# ---- the page and the notebook -------------------------------------------------------------------


class Elements(html.parser.HTMLParser):
    """The names of all elements of a page, and its text."""

    def __init__(self, text):
        super().__init__()
        self.names, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        assert not {"src", "href"} & {name for name, value in attrs}

    def handle_data(self, data):
        self.text += data


def test_text_is_escaped_wherever_it_stands():
    bad = "<script>alert('&')</script>_{<b>}^<u>"
    planted = Row("1", bad, bad, corrected=bad, mistake=bad, reading=bad, note=bad)
    (entry,) = run([replace(TEXTS[0], rows=[planted])]).entries
    elements = Elements(Findings([entry])._repr_html_())
    assert not {"script", "b", "u"} & set(elements.names)
    assert elements.text.count("alert('&')") == 6


def test_the_page_has_all_rows_and_needs_no_network(findings):
    text = page(findings)
    elements = Elements(text)
    wrong = findings.count(verdict="wrong")
    kinds = {e.judged.row.mistake.partition(":")[0] for e in findings.only(verdict="wrong").entries}
    heads, sums = 4, len(TEXTS) + 1
    assert elements.names.count("tr") == len(findings) + wrong + len(kinds) + sums + heads
    assert "http" not in text
    assert "url(" not in text


def test_one_command_makes_the_page(tmp_path):
    command = [
        sys.executable,
        str(HOUSE / "notebooks" / "slides" / "page.py"),
        str(tmp_path / "o.html"),
    ]
    done = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True, cwd=HOUSE,
                          env={"PYTHONPATH": str(HOUSE), "PATH": "", "OMP_NUM_THREADS": "1"})  # fmt: skip
    assert "0 unsettled" in done.stdout
    assert "The slides, checked" in (tmp_path / "o.html").read_text(encoding="utf-8")


def test_the_notebook_is_stored_without_outputs_and_its_code_runs(monkeypatch):
    notebook = json.loads((HOUSE / "notebooks" / "9_the_slides_checked.ipynb").read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    variables = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
            code = ast.parse("".join(cell["source"]))
            exec(compile(code, cell["id"], "exec"), variables)
    assert sum(variables["terms"]) == pytest.approx(-0.1304, abs=1e-4)
    assert not judge(variables["row"]).finding.agrees
