"""The slides, checked: the verdicts follow from the checks, the checks can fail, nothing is left out."""

import doctest
import pathlib
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import slides.markup
import slides.row
import slides.sample
from slides.row import MISTAKES, Row, Rows, judge
from slides.sample import Sample
from slides.table import names, run
from slides.texts import TEXTS

from microgradnd import primitive
from tests.markup import Markup

HOUSE = pathlib.Path(__file__).parents[2]

pytestmark = pytest.mark.course
each_text = pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)

# What a person saw in each text: the lines with a relation (=, ≈, →, <, ∈ …) between mathematical
# signs, and the lines with a mistake, as often as there is one on them.
READ = pathlib.Path(__file__).with_name("slides_read.txt").read_text("utf-8")
SEEN = dict(line.split(": ") for line in READ.splitlines())


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
    assert found == [int(line) for line in SEEN[f"{text.name} mistakes"].split()]


@each_text
def test_rows_are_named_once_and_no_line_with_a_formula_is_left_out(text):
    assert len(set(names(text))) == len(text.rows)
    assert all(row.place for row in text.rows)
    covered = set().union(*(numbers(row.lines) for row in text.rows))
    assert numbers(SEEN[f"{text.name} formulas"]) <= covered


def numbers(lines):
    """The numbers of lines that are written like "41-43, 51"."""
    parts = (part.partition("-") for part in lines.replace(",", " ").split())
    return {n for first, _, last in parts for n in range(int(first), int(last or first) + 1)}


# ---- the checks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("claim", "found"), [
    ("x * np.nan", "gives nan at [0], is 1"), ("x + 1e-6", "gives 1 at [0], is 1"),
])  # fmt: skip
def test_a_formula_holds_in_every_entry_and_nan_is_none(claim, found):
    judged = judge(Rows("x = np.ones(3)", {})("1", "", "x", claim, "x"))
    assert (judged.verdict, judged.finding.found) == ("unsettled", found)


def test_a_printed_product_comes_from_its_printed_factors():
    def judged(digits):
        return judge(
            Rows("", {}).number("1", "", "", digits, exact="0.0972", factors="0.89 * 0.11")
        )

    assert not judged("0.0972").finding.agrees
    product = judged("0.0979").finding
    assert product.agrees
    assert product.found == "is 0.0979 from the printed factors, 0.0972 unrounded"


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
