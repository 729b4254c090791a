"""Proving a gradient, and finding what makes it wrong.

`gradcheck` calls a function again and again (`function_under_test`), and compares its gradient
(`comparison`) with slopes measured by differences (`slopes`). Where they differ, it checks each
recorded operation alone (`rule`), and reports the one that is wrong (`culprit`, `mistakes`).
"""
