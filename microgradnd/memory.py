"""The memory of a process that makes and frees large arrays all the time."""

import contextlib
import ctypes


def keep_freed_memory() -> None:
    """Keeps the memory of freed arrays of up to 32 MB for the next ones, with the C library glibc.

    Otherwise it returns memory to the system and requests it again, page by page, which takes a
    step on arrays of a million entries two to three times as long. The process then stays as large
    as it once was. Elsewhere, nothing happens.

    >>> keep_freed_memory()
    """
    trim_threshold, mmap_threshold = -1, -3  # from malloc.h
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(mmap_threshold, 32 * 2**20)
        mallopt(trim_threshold, 2**30)
