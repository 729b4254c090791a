"""The formulas and numbers of the five course texts, each with the check that settles it.

`row` says what a row is and how it is judged, `sample` makes the random networks that formulas are
tried on, the `lecture…` files hold the rows in the order of the `texts`, and `table` judges them
all and shows what was found. `python notebooks/slides/page.py OUT.html` makes the page.
"""
