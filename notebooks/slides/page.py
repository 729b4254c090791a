"""Run every check and write what was found as one page, which needs no network.

python notebooks/slides/page.py OUT.html
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from slides.markup import words
from slides.row import UNSETTLED, VERDICTS
from slides.table import Findings, run
from slides.texts import TEXTS


def page(findings: Findings) -> str:
    """The summary, the wrong rows, and all rows with filters by text, verdict and words."""
    texts = "".join(f'<option value="{words(t.name)}">{words(t.title)}</option>' for t in TEXTS)
    verdicts = "".join(f"<option>{name}</option>" for name in VERDICTS if name != UNSETTLED)
    wrong = findings.only(verdict="wrong")
    return f"""{HEAD}
<h1>The slides, checked</h1>
{ABOUT}
{findings.summary()}
<h2>What is wrong: {len(wrong)} of {len(findings)}</h2>
{findings.mistakes()}
{wrong._repr_html_()}
<h2 id="all">All formulas and numbers</h2>
<p class="filter">
<label>text <select id="text"><option value="">all five</option>{texts}</select></label>
<label>verdict <select id="verdict"><option value="">any</option>{verdicts}</select></label>
<label>words <input id="words" type="search"></label> <output id="count"></output></p>
<div id="rows">{findings._repr_html_()}</div>
{SCRIPT}
"""


HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>The slides, checked</title>
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark; }
body { font-family: sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1rem; }
.filter label { margin-right: 1.5em; }
</style>"""

ABOUT = """<p>Every formula and every number of the five course texts, in their order, and what they
say in words where it can be computed. The printed formula, written as code, is compared with a
truth that comes from elsewhere: derivatives from autograd and numerical differences (which must
agree), values computed in another way, counts. Where they differ, the formula put right goes
through the same check, and passes.</p>
<ul><li><b>right</b>: the check passes.
<li><b>wrong</b>: it fails, and the correction passes.
<li><b>garbled</b>: it cannot be read as it stands; checked is what it most likely means.
<li><b>definition</b>: a definition or a convention. Where a check is given, it fits the rest.
<li><b>reported</b>: a measurement or a fact from elsewhere, which nothing here can compute.</ul>
<p>The texts were read from slides by a machine, so some of the wrong indices and lost signs may be
its slips and not the authors'. Lines are those of the text files.</p>"""

SCRIPT = """<script>
const fields = ["text", "verdict", "words"].map(id => document.getElementById(id));
const rows = [...document.querySelectorAll("#rows tbody tr")];
function filter() {
  const [text, verdict, words] = fields.map(field => field.value.toLowerCase());
  let shown = 0;
  for (const row of rows) {
    row.hidden = (text && row.dataset.text !== text)
      || (verdict && row.dataset.verdict !== verdict)
      || !row.textContent.toLowerCase().includes(words);
    shown += !row.hidden;
  }
  document.getElementById("count").textContent = `${shown} of ${rows.length} rows`;
}
fields.forEach(field => field.addEventListener("input", filter));
filter();
</script>"""


def main() -> None:
    """Write the page where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT.html")
    out = parser.parse_args().out
    findings = run()
    out.write_text(page(findings), encoding="utf-8")
    counts = ", ".join(f"{findings.count(verdict=verdict)} {verdict}" for verdict in VERDICTS)
    print(f"{out}: {len(findings)} rows, {counts}")


if __name__ == "__main__":
    main()
