"""The one family of errors that a user sees.

Knows nothing of what went wrong: callers say what, where, the value, what is allowed and what to do next.
"""

from __future__ import annotations

MAX_SHOWN = 200


class KitError(Exception):
    """Something the user can put right. Shown without a traceback; the command exits with `exit_code`."""

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        value: object = None,
        allowed: object = None,
        next: object = None,
    ) -> None:
        """what: one sentence.  where: file, line or field path.  value: the offending value, shown shortened.
        allowed: what would have been accepted.  next: the command or change that helps."""
        super().__init__(what)
        self.what = what
        self.where = where
        self.value = value
        self.allowed = allowed
        self.next = next

    def __str__(self) -> str:
        lines = [self.what]
        for label, part in (
            ("where", self.where),
            ("value", self._shown()),
            ("allowed", self.allowed),
            ("next", self.next),
        ):
            if part is not None:
                lines.append(f"  {label + ':':<9}{part}")
        return "\n".join(lines)

    def _shown(self) -> str | None:
        if self.value is None:
            return None
        shown = repr(self.value)
        return shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 1] + "…"


class BadExample(KitError):
    """A line of an example file that cannot be used."""


class BadTask(KitError):
    """A task folder, record model or schema that cannot be used."""


class BadTarget(KitError):
    """A board profile or an encoding that does not exist or does not validate."""


class BadStudent(KitError):
    """A student that is not there or is not a causal language model we can read."""


class BadBundle(KitError):
    """A bundle that is damaged, unsigned, signed by somebody else or meant for another board."""


class BadDocument(KitError):
    """A document that cannot be read as a record: empty, binary or longer than the context."""


class BadRecord(KitError):
    """A decoded output that fails the record model: never handed out, always counted."""


class NoSpace(KitError):
    """The disk is full; what was half-written has been removed."""


class GateFailed(KitError):
    """A build that ran but does not pass its gates: it makes no bundle."""

    exit_code = 1


class TrainingFailed(KitError):
    """A training that ran and diverged, however low its learning rate: there is no adapter."""

    exit_code = 1


class FlashFailed(KitError):
    """A disk that was being written to and does not hold the image: it is left as not bootable."""

    exit_code = 1


class InstallFailed(KitError):
    """A slot that was made and does not hold on this board: what was active before still is."""

    exit_code = 1
