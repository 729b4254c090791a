"""The formulas and numbers of the five course texts, each with the check that settles it.

`row` defines what a row is and how it is judged, `sample` makes the random networks that formulas
are tried on, the `lecture…` files hold the rows in the order of the `texts`, and `table` judges all
of them and shows what was found. `python notebooks/slides/page.py OUT.html` makes the page.
"""
