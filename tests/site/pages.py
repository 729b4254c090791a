"""Where the pages are."""

import pathlib

HOME = pathlib.Path(__file__).parents[2]
SITE = HOME / "notebooks" / "site"
PAGES = [HOME / "README.md", *sorted(SITE.rglob("*.md"))]
