"""Having the C library give back what columns took for a moment."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_LARGE = 1 << 20


def return_large_blocks() -> None:
    """Blocks from 1 MB on come from the system and go back at once, and threads share two heaps instead of having one each.

    By itself the limit grows with the largest block ever freed, and what is freed below others stays for good. Does nothing where
    the C library is another one.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _LARGE)
        mallopt(_ARENA_MAX, 2)


def give_back() -> None:
    """What is free goes back to the system at once: for a process that needs much now and then, and else sleeps."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
