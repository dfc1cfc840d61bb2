"""What a case may cost, enforced before each call.

A call first reserves its worst case; parallel branches therefore see each other's pending cost and cannot
overspend together. When the call returns, the reservation is replaced by what it did cost. Everything happens on
one event loop, so no lock is needed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from pydantic import Field

from cases.case import Record
from cases.errors import BudgetExceeded
from models.usage import Usage


class Limits(Record):
    """Upper bounds for one case; `cost` None means no bound."""

    calls: int = Field(default=24, ge=0)
    tokens: int = Field(default=24_000, ge=0)
    seconds: float = Field(default=900.0, ge=0)
    cost: float | None = Field(default=None, ge=0)


class Reservation:
    """A place for one call. `settle` records what it cost; unsettled, the call counts with the tokens reserved."""

    def __init__(self, calls: int, tokens: int, cost: float):
        self.pending = Usage(calls=calls, prompt_tokens=tokens, cost=cost)
        self.settled: Usage | None = None

    def settle(self, usage: Usage) -> None:
        self.settled = usage


class Budget:
    """The account of one case.

    `characters_per_token` is a first guess used to reserve prompt tokens; it only ever gets more careful, from
    what settled calls really took.
    """

    def __init__(self, limits: Limits, *, spent: Usage | None = None, clock: Callable[[], float] = monotonic):
        self.limits = limits
        self.spent = spent or Usage()
        self._reserved = Usage()
        self._held = Usage()
        self._clock = clock
        self._start = clock() - self.spent.seconds
        self._tokens_per_character = 1 / 3

    @property
    def seconds_left(self) -> float:
        return self.limits.seconds - (self._clock() - self._start)

    def estimate_tokens(self, characters: int) -> int:
        """A careful guess at the prompt tokens of a text of so many characters."""
        return int(characters * self._tokens_per_character) + 64

    def learn(self, characters: int, prompt_tokens: int) -> None:
        """Let the estimate follow the densest prompt seen so far."""
        if characters > 0:
            self._tokens_per_character = max(self._tokens_per_character, prompt_tokens / characters)

    def hold(self, calls: int, tokens: int) -> None:
        """Keep so much back for the attending: `reserve` refuses others who would eat it."""
        self._held = Usage(calls=calls, prompt_tokens=tokens)

    @contextmanager
    def reserve(
        self, *, calls: int = 1, tokens: int = 0, cost: float = 0.0, may_use_held: bool = False
    ) -> Iterator[Reservation]:
        """Room for `calls` calls of at most `tokens` tokens. Raises BudgetExceeded naming the limit that is reached."""
        held = Usage() if may_use_held else self._held
        taken = self.spent + self._reserved + held
        self._refuse_if(taken.calls + calls > self.limits.calls, "calls", f"{self.limits.calls}")
        self._refuse_if(taken.tokens + tokens > self.limits.tokens, "tokens", f"{self.limits.tokens}")
        self._refuse_if(self.seconds_left <= 0, "seconds", f"{self.limits.seconds:g}")
        if self.limits.cost is not None:
            over = taken.cost + cost > self.limits.cost or taken.cost >= self.limits.cost > 0
            self._refuse_if(over, "cost", f"{self.limits.cost:g}")
        reservation = Reservation(calls, tokens, cost)
        self._reserved = self._reserved + reservation.pending
        try:
            yield reservation
        finally:
            self._reserved = _minus(self._reserved, reservation.pending)
            self.spent = self.spent + (reservation.settled or reservation.pending)

    def _refuse_if(self, is_over: bool, name: str, limit: str) -> None:
        if is_over:
            raise BudgetExceeded(
                f"the case's budget of {limit} {name} does not allow another call",
                remedy=f"raise max_{name}, or convene fewer specialists",
            )


def _minus(left: Usage, right: Usage) -> Usage:
    return Usage(
        calls=left.calls - right.calls,
        prompt_tokens=left.prompt_tokens - right.prompt_tokens,
        cost=max(0.0, left.cost - right.cost),
    )
