"""Proving a gradient, and finding what makes it wrong.

`gradcheck` calls a function again and again (`function_under_test`), and compares its gradient
(`comparison`) with slopes measured by differences (`slopes`). Where they differ, it checks each
recorded operation alone in the same way (`rule`), names the one that is wrong (`culprit`) and its
mistake (`mistakes`) in a `report`. A gradient written by hand is the rule of one operation
(`by_hand`); forward mode is compared with reverse mode (`forward_mode`).
"""
