"""The slides, checked: the verdicts follow from the checks, the checks can fail, nothing is left out."""

import doctest
import pathlib
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from microgradnd import primitive
from tests.markup import Markup

HOUSE = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(HOUSE / "notebooks"))

import slides.markup  # noqa: E402
import slides.row  # noqa: E402
import slides.sample  # noqa: E402
from slides.row import MISTAKES, Row, Rows, judge  # noqa: E402
from slides.sample import Sample  # noqa: E402
from slides.table import names, run  # noqa: E402
from slides.texts import TEXTS  # noqa: E402

pytestmark = pytest.mark.course
each_text = pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)

# The lines of each text with a relation (=, ≈, →, <, ∈ …) between mathematical signs.
FORMULA_LINES = {
    "000": """
        41-43 51 76 101 104 115 118 125-127 131-132 142 145 148 157-158 163 168 171-172
        179-180 183 187 190-191 194-195 198 201 210 213 216 223 226 232-233 235 239 241 243
        253 255 258-259 261 263
    """,
    "001": """
        30 32 35 52-53 57 63 66 68 70 72 80 84 90 105 107 112 118 122 124 127 131 133 139
        150 152 154 156 160 162 164 168 171 173 175 177 179 186 188 199 201 212 214 225 228
        244 246 250 252 254 256 258 260 263 265 267 269 287 289 291 293 295 297 299 301 303
        305 307 309 311 313 315 317
    """,
    "002": """
        27 29 39 43 51 54 56 66 71 122 130 134-135 165 169 179-180 188 190 226 247 251 266
        268-269 273-274 279 281-282 290 296 317 324 343 346 355 363 365 367 373 377 382 391
        395 425 429 435 437 443 447 455 459 461 463-464 468 472 477 481 483 488 493 501 505
        509-510 514 516 521-522 525 530 541 544 547 549 552 555 558 561 566 573 575 578 582
        585 592 595 598 611 613 616 618 623 625 627 657 676 683 686 689 692 695 702 705 708
        711 714 717 724 728 743 751 757-758 777 785 791 809 833 855 875-876 882-883
    """,
    "003": """
        17-18 23-25 29 45 47 55 61 63 68-69 72 74 76 88 90 92 103-104 107 109 112 114 116
        126-128 130 132 134
    """,
    "004": """
        27 38 41 52-53 65 75 77 82 88 104 135 168 190 195 205 220 223 237 252 254 262
        264-265 267 269-270 272 282-284 286 299 302 304 308 311 326 328 330 334 340-341 351
        364 366 376 388 396 398 400 406 410 412 418-419 428 431 433 452 480-484 488 492-496
        500-504 508-512 520-521 530 532 535 537 546 571 582 586 595
    """,
}

# What a person found wrong by reading: the lines, as often as there is a mistake on them.
KNOWN_MISTAKES = {
    "000": "42 43 51 213 263",
    "001": "53 88 96 124 141 260 265 265 269 269 269 274 297 303 303 305 305 311 315 317",
    "002": """
        23 159 241 247 269 273 274 312 349 357 363 404 461 501 563 585 635 642 643 657 689
        714 717 719 745 747 757 757 758 758 770 779 779 785 819 875 878 883
    """,
    "003": "23 25 47 61 72 72 74 76 90 107 112 114 116 126 130 132 132 132 134 134 171 172 173 173 176 176",
    "004": "136 205 272",
}


@pytest.fixture(scope="module")
def findings():
    return run()


# ---- the rows ------------------------------------------------------------------------------------


def test_every_row_is_settled_by_a_check_that_can_fail(findings):
    """Judged as it stands, with its claim spoiled, with its correction spoiled, and put right."""
    for entry in findings.entries:
        row, name = entry.judged.row, entry.name
        assert entry.judged.verdict != "unsettled", (name, entry.judged.finding)
        stated = {bool(row.corrected), row.correction is not None, bool(row.mistake)}
        assert len(stated) == 1, f"{name}: a correction, its code and its mistake go together"
        assert not row.mistake or row.mistake.partition(":")[0] in MISTAKES, name
        if row.check is None:
            continue
        if row.correction is None:
            row = replace(row, correction=row.claim, corrected=row.printed, mistake="sign: planted")
            row = replace(row, claim=spoil(row.claim))
            assert judge(row).verdict == "wrong", name
        assert judge(replace(row, claim=row.correction, correction=None)).verdict == row.otherwise
        for correction in (spoil(row.correction), row.claim, None):
            assert judge(replace(row, correction=correction)).verdict == "unsettled", name


def spoil(claim):
    """Another last digit of a number, or an expression whose value is a little different."""
    if A_NUMBER.fullmatch(claim):
        *before, last, rest = re.split(r"(\d)(?=\D*$)", claim)
        return "".join(before) + str((int(last) + 5) % 10) + rest
    return f"(lambda v: np.asarray(getattr(v, 'data', v)) * 1.001 + 0.001)({claim})"


A_NUMBER = re.compile(r"[−\d,.]+\s*(k|M|%|billion|quadrillion|)")
PLANTED = {
    r" \+ ": " - ", r" - ": " + ", r" \* ": " + ", r" / ": " * ", r" > ": " <= ", r" < ": " >= ",
    r"(?<=[\[(,] )-|(?<=[\[(])-|^-": "+", r"(?<!=)(True|False)": "(not \\g<0>)",
    r"(?<![\w.'-])\d+(?!\w)": "(1 + \\g<0>)",
    r"∂\w+(\[[^]]*\])?/∂\w+(\[[^]]*\])?": "(-1.7 * \\g<0>)",
}  # fmt: skip


def mistakes(claim, names):
    """An expression with one operator, sign, number, derivative or quantity changed, in turn."""
    quantity = rf"(?<![\w.∂'])({'|'.join(names)})(?![\w' ]*(=|in ))(?!\w)"
    more = {} if "shape" in claim or "len(" in claim else {quantity: "(-1.7 * \\g<0>)"}
    for pattern, other in {**PLANTED, **more}.items():
        for found in re.finditer(pattern, claim):
            yield claim[: found.start()] + found.expand(other) + claim[found.end() :]


def test_every_part_of_a_printed_formula_counts(findings):
    """A claim in which a planted mistake makes no difference is not checked, and one that is the
    truth itself is not either."""
    for entry in findings.entries:
        row, name = entry.judged.row, entry.name
        if row.check is None or row.check.func.__name__ == "_rounds":
            continue
        right = row.correction or row.claim
        assert right != row.check.args[0], f"{name} compares an expression with itself"
        for planted in mistakes(right, row.check.func.__self__.samples()[0].values):
            assert not passes(row.check, planted), f"{name} does not notice {planted!r}"


def passes(check, claim):
    try:
        return check(claim).agrees
    except Exception:  # an index out of range, a name that is none: noticed
        return False


@each_text
def test_the_known_mistakes_are_found_and_no_others(findings, text):
    wrong = findings.only(text.name, "wrong").entries
    found = sorted(entry.judged.row.first_line() for entry in wrong)
    assert found == [int(line) for line in KNOWN_MISTAKES[text.name].split()]


@each_text
def test_rows_are_named_once_and_no_line_with_a_formula_is_left_out(text):
    assert len(set(names(text))) == len(text.rows)
    assert all(row.place for row in text.rows)
    covered = set().union(*(numbers(row.lines) for row in text.rows))
    assert numbers(FORMULA_LINES[text.name]) <= covered


def numbers(lines):
    """The numbers of lines that are written like "41-43, 51"."""
    parts = (part.partition("-") for part in lines.replace(",", " ").split())
    return {n for first, _, last in parts for n in range(int(first), int(last or first) + 1)}


# ---- the checks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "found"),
    [
        ("x", "agrees exactly"),
        ("np.ones((3, 3))", "shape (3, 3), must have (3, 1)"),
        ("x * np.nan", "gives nan"),
        ("x @ x", "cannot be computed"),
        ("x + 1e-6", "gives 1 at [0, 0], is 1"),
    ],
)
def test_a_formula_agrees_in_shape_and_in_every_entry(claim, found):
    rows = Rows("x = np.ones((3, 1))", {})
    judged = judge(rows("1", "", "x", claim, "x"))
    assert found in judged.finding.found
    assert judged.verdict == ("right" if claim == "x" else "unsettled")


def number(digits, exact, factors=""):
    return judge(Rows("", {}).number("1", "", "", digits, exact=str(exact), factors=factors))


def test_a_number_may_have_a_unit_and_a_printed_product_comes_from_its_printed_factors():
    assert number("65k", 64_660).verdict == number("61M", 60_965_224).verdict == "right"
    assert not number("60M", 60_965_224).finding.agrees
    assert not number("0.0972", 0.0972, "0.89 * 0.11").finding.agrees
    product = number("0.0979", 0.0972, "0.89 * 0.11").finding
    assert product.agrees
    assert product.found == "is 0.0979 from the printed factors, 0.0972 unrounded"
    assert number("784", 784, "28 * 28").finding.found == "is 784"
    with pytest.raises(AssertionError, match="not a number"):
        number("one", 1)


def test_a_derivative_goes_over_all_paths_and_keeps_what_is_not_downstream():
    s = Sample({"x": np.array([0.3, 0.5])}, "u = x**2; w = np.sin(u); y = np.sum(u * w)")
    slope = np.sin(s.u) + s.u * np.cos(s.u)
    for derivative, expected in {
        "∂y/∂x": slope * 2 * s.x,
        "∂y/∂u": slope,
        "∂y/∂w": s.u,
        "∂w[1]/∂u": [0, np.cos(s.u[1])],
        "∂w/∂u[1]": [0, np.cos(s.u[1])],
        "[∂w[i]/∂u[i] for i in (0, 1)]": np.cos(s.u),
    }.items():
        np.testing.assert_allclose(s[derivative], expected)


def test_autograd_that_is_wrong_is_not_a_truth():
    wrong = primitive(lambda x: x**2, lambda g, y, x: 3 * g * x)
    with pytest.raises(AssertionError, match="do not agree on ∂y/∂x"):
        Sample({"x": 1.0, "wrong": wrong}, "y = wrong(x)")["∂y/∂x"]


def test_the_examples_in_the_code_hold():
    for module in (slides.sample, slides.row, slides.markup):
        assert doctest.testmod(module).failed == 0


# ---- the page and the notebook -------------------------------------------------------------------


def test_text_is_escaped_wherever_it_stands():
    bad = "<script>alert('&')</script>_{<b>}^<u>"
    planted = Row("1", bad, bad, corrected=bad, mistake=bad, reading=bad, note=bad)
    page = Markup(run([replace(TEXTS[0], rows=[planted])])._repr_html_())
    assert not {"script", "b", "u"} & {*page.tags}
    assert page.text.count("alert('&')") == 6


def test_one_command_makes_a_page_of_all_rows_that_needs_no_network(findings, tmp_path):
    command = [sys.executable, "notebooks/slides/page.py", tmp_path / "page.html"]
    environment = {"PYTHONPATH": str(HOUSE), "PATH": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True,
                          cwd=HOUSE, env=environment)  # fmt: skip
    assert "0 unsettled" in done.stdout
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    wrong = findings.only(verdict="wrong").entries
    kinds = {entry.judged.row.mistake.partition(":")[0] for entry in wrong}
    heads, sums = 4, len(TEXTS) + 1
    rows = len(findings) + len(wrong) + len(kinds) + sums + heads
    assert Markup(text).tags.count("tr") == rows
    assert Markup(text).all("src", "href") == []
    assert "http" not in text
    assert "url(" not in text
