"""The pages, as they are written: every example runs, every link leads somewhere, every name is there."""

import doctest
import importlib.util
import inspect
import re
import sys
import urllib.parse

import pytest

import nn
from tests.site.pages import HOME, PAGES, SITE

# What a page may do without.
OPTIONAL = {"cupy", "jax", "mpi4py", "safetensors", "sklearn", "torch"}
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")
reference = importlib.util.module_from_spec(
    spec := importlib.util.spec_from_file_location("reference", SITE / "reference.py")
)
spec.loader.exec_module(reference)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))


@each_page
def test_every_example_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, text = {"__name__": "__main__"}, page.read_text(encoding="utf-8")
    runner = doctest.DocTestRunner(verbose=False)
    for fence in FENCE.finditer(text):
        code, line = fence[1], text[: fence.start(1)].count("\n")
        try:
            if ">>>" not in code:
                exec(compile("\n" * line + code, str(page), "exec"), names)
                continue
            test = doctest.DocTestParser().get_doctest(code, {}, page.name, str(page), line)
            test.globs, said = names, []
            runner.run(test, clear_globs=False, out=said.append)
        except ModuleNotFoundError as error:
            if error.name in OPTIONAL:
                pytest.skip(f"no {error.name}")
            raise
        assert not runner.failures, "".join(said)


def anchors(page):
    """The anchors of a page's headings, as GitHub and MyST make them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


@each_page
def test_every_link_leads_to_a_file_and_heading_that_are_there(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in (a or b for a, b in LINK.findall(text)):
        path, _, anchor = urllib.parse.unquote(link).partition("#")
        if "://" not in path:
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_the_reference_has_every_public_name_once():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    fences = re.findall(r"^```\{names\} (.*)$", text, re.M)
    listed = [name for places in fences for name in reference.listed(places)]
    assert sorted(listed) == sorted(reference.public())
    left = {f"nn.{name}" for name in nn.__all__} - set(listed)
    assert left <= set(reference.MODULES)


def test_each_entry_of_the_reference_has_a_sentence_arguments_in_one_form_and_an_example():
    for name, thing in reference.public().items():
        written = reference.entry(name, thing)
        assert re.match(r":{4,}\{py:\w+\} \w+(\(|\b)", written), name
        assert re.match(r"\S", written.partition("\n\n")[2]), name
        assert "Arguments:" not in written, name
        example = rf"(>>>|\.\.\.) .*\b{name.rpartition('.')[2]}\b"  # in that of its file
        in_file = re.search(example, sys.modules[thing.__module__].__doc__ or "")
        result = inspect.isclass(thing) and issubclass(thing, tuple)  # in that of a function
        assert ">>>" in thing.__doc__ or in_file or result, name


def test_the_engine_of_how_it_works_has_less_than_ninety_lines():
    text = (SITE / "how_it_works.md").read_text(encoding="utf-8")
    code = "".join(code for code in FENCE.findall(text) if ">>>" not in code)
    assert 60 < code.count("\n") < 90


def test_the_readme_has_the_times_that_were_measured():
    def cells(line):
        return [cell.strip(" *") for cell in line.strip("|").split("|")]

    measured = max((SITE / "measured").glob("*.md")).read_text(encoding="utf-8")
    table = (HOME / "README.md").read_text(encoding="utf-8").partition("| a step, in times")[2]
    (_, *systems), _, *rows = map(cells, table.partition("\n\n")[0].splitlines())
    assert len(rows) >= 5
    for title, *shown in rows:
        times = re.search(rf"^\| {re.escape(title)}[^|]*\| 1 thread.*?^$", measured, re.M | re.S)[0]
        found = {system: numbers for system, *numbers in map(cells, times.splitlines()) if numbers}
        for system, number in zip(systems, shown, strict=True):
            time, ratio = found[system][:2] if number else ("", "")
            assert number in (time.partition(" (")[0], ratio), (title, system)


def test_the_readme_is_a_door():
    lines = (HOME / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 200
    assert [line.count(" && ") for line in lines if line.startswith("python3 -m venv")] == [2, 2]
