"""Child processes that end when the process that started them does, however that ends.

Knows nothing of what they run.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# Looked up now: a child that has only just been forked had better look up nothing.
_PRCTL = ctypes.CDLL(None).prctl


def ending_with_parent(how: int) -> Callable[[], None]:
    """A `preexec_fn` of `subprocess`: the child gets this signal when the thread that started it is gone."""

    def prepare() -> None:
        _PRCTL(_PR_SET_PDEATHSIG, how)

    return prepare
