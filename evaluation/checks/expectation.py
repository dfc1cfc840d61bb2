"""What a check collects while it runs: each expectation with what was measured, and whether all held."""

from typing import Any


class Expectations:
    """Name -> measured value and whether it is what it should be. `outcome()` is what a check returns."""

    def __init__(self, scale: str):
        self.scale = scale
        self.measured: dict[str, Any] = {}
        self.failed: list[str] = []

    def that(self, name: str, value: Any, holds: bool) -> None:
        """Record a measured value; the check passes only if every `holds` was true."""
        self.measured[name] = value
        if not holds:
            self.failed.append(name)

    def near(self, name: str, value: float, known: float, tolerance: float = 1e-3) -> None:
        """Record a value that has a known answer."""
        self.that(name, value, abs(value - known) <= tolerance)

    def outcome(self) -> dict[str, Any]:
        measured = dict(self.measured)
        if self.failed:
            measured["failed"] = self.failed
        return {"passed": not self.failed, "measured": measured, "scale": self.scale}
