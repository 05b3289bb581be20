"""What steps tell, as somebody at the terminal hears it."""

from __future__ import annotations

from boardwright.schemas.steps import Event


class Notes:
    def __init__(self) -> None:
        self.said: list[str] = []

    def report(self, event: Event) -> None:
        if event.kind == "note":
            self.said.append(event.text or "")

    def close(self) -> None:
        pass
