def all_paths(w):
    """dL/dw of L = a + b², a = sin(w), b = w a, for each entry of w."""
    a = np.sin(w)
    b = w * a
    dL_da, dL_db = 1, 2 * b
    db_dw, db_da, da_dw = a, w, np.cos(w)
    return dL_db * db_dw + dL_da * da_dw + dL_db * db_da * da_dw
