"""Proving a gradient, and finding what makes it wrong.

`gradcheck` runs a function (`subject`) again and again with the same luck (`repetition`), holds its
gradient (`comparison`) against slopes measured by differences (`slopes`), and where they differ
tries each recorded operation alone (`culprits`, `rules`), says which mistake it is (`mistakes`) and
reports (`report`). A gradient may also be somebody's own (`by_hand`); forward mode is held against
reverse mode (`forward`); an operation without inputs gets some to try (`trials`).
"""
