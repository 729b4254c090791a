"""Every path from an entry to the loss, counted, summed and written.

`paths` follows them (`search`) along the derivatives of each recorded call, entry by entry
(`local_derivatives`). Its `result` is written as text or as LaTeX (`notation`).
"""
