"""The site: `sphinx-build -c notebooks/site notebooks build/site`, without a network.

The lessons are run (their results are kept in build/cells), and what is made from the code is made
anew. A link to a file of the repository leads to a page with its source.
"""

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
os.environ["PYTHONPATH"] = str(REPOSITORY)  # for the lessons
sys.path[:0] = [str(REPOSITORY), str(HERE)]

import reference  # noqa: E402

project, html_title = "microgradnd", "microgradnd"
root_doc = "site/index"
include_patterns = ["[0-9]*.ipynb", "exercises/*.ipynb", "*/README.md", "site/**.md"]
exclude_patterns = ["site/measured"]
extensions = ["myst_nb"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_excludepatterns = ["exercises/*"]  # their answers are not there yet
nb_execution_cache_path = str(REPOSITORY / "build" / "cells")
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True  # what a loop prints, in one box
html_theme = "furo"
html_copy_source = html_use_index = html_show_copyright = False
(MATHJAX,) = importlib.util.find_spec("sphinx-mathjax-offline").submodule_search_locations
html_static_path = ["_static", f"{MATHJAX}/static/mathjax/tex-svg.js"]
mathjax_path = "tex-svg.js"  # one file, and not what a server would send
html_css_files = ["site.css"]
python_maximum_signature_line_length = 90
python_use_unqualified_type_names = True
MADE = {  # what stands in the place of a fence
    "names": reference.names,
    "coverage": lambda _: reference.coverage(),
    "measured": lambda _: sorted(Path(__file__).parent.glob("measured/*.md"))[-1].read_text(
        "utf-8"
    ),
}
PAGES = {  # where a link of the repository leads on the site
    r"\]\((exercises|experiments)\)": r"](/\1/README.md)",
    r"\]\([./]*\.github/(\w+)\.md\)": r"](/site/project/\1.md)",
}


def make(app: Any, page: str, source: list[str]) -> None:
    """Puts what is made from the code in the place of its fence."""
    fence = r"^```\{(" + "|".join(MADE) + r")\} ?(.*)\n```$"
    source[0] = re.sub(fence, lambda found: MADE[found[1]](found[2]), source[0], flags=re.M)
    for link, target in PAGES.items():
        source[0] = re.sub(link, target, source[0])


def link(app: Any, tree: nodes.document, page: str) -> None:
    """Links files to the pages of their source, and public names to the reference."""
    for node in list(tree.findall(addnodes.download_reference)):
        file = (REPOSITORY / "notebooks" / page).parent.joinpath(node["reftarget"]).resolve()
        name = f"source/{file.relative_to(REPOSITORY).as_posix()}"
        app.env.linked_sources = {*getattr(app.env, "linked_sources", ()), name}
        target = app.builder.get_relative_uri(page, name)
        node.replace_self(nodes.reference("", "", *node.children, refuri=target))
    objects = {name: where for name, *_, where in _named(app)}
    for node in list(tree.findall(nodes.literal)):
        where = objects.get(node.astext().removesuffix("()"))
        if where and not isinstance(node.parent, nodes.reference | nodes.title):
            target = f"{app.builder.get_relative_uri(page, where[0])}#{where[1]}"
            node.replace_self(nodes.reference("", "", node.deepcopy(), refuri=target))


def _named(app: Any) -> Iterator[tuple[str, tuple[str, str]]]:
    for full, _, kind, page, anchor, _ in app.env.domains.python_domain.get_objects():
        module, _, name = full.rpartition(".")
        yield full, (page, anchor)
        if module in ("microgradnd", "nn") and kind != "module":
            yield name, (page, anchor)


def sources(app: Any) -> Iterator[tuple[str, dict[str, str], str]]:
    """A page for each file that a page links to."""
    for page in sorted(getattr(app.env, "linked_sources", ())):
        text = (REPOSITORY / page.removeprefix("source/")).read_text(encoding="utf-8")
        language = {"py": "python", "json": "json", "js": "js"}.get(page.rpartition(".")[2], "text")
        body = app.builder.highlighter.highlight_block(text, language)
        title = page.removeprefix("source/")
        yield page, {"title": title, "body": f"<h1>{title}</h1>{body}"}, "page.html"


def door(app: Any, error: Exception | None) -> None:
    """The first page is site/index.html; whoever opens the folder is led there."""
    if error is None:
        there = '<meta http-equiv="refresh" content="0; url=site/index.html">'
        (Path(app.outdir) / "index.html").write_text(there, encoding="utf-8")


def setup(app: Any) -> None:
    app.connect("source-read", make)
    app.connect("doctree-resolved", link)
    app.connect("html-collect-pages", sources)
    app.connect("build-finished", door)
