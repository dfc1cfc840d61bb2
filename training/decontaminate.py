"""Keep evaluation out of training: n-gram, fuzzy and image overlap, removed and counted per benchmark.

The rules are those of `cases.overlap`. It fails closed: no benchmark, an empty one, or an image that cannot be read
is an error, never a silent pass.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import Field

from cases.case import Case, Record
from cases.errors import MediaError, TrainingError
from cases.overlap import OverlapIndex, OverlapRules


class Removal(Record):
    """One removed row: which rule, and which item of which benchmark it met."""

    row: str
    benchmark: str
    item: str
    rule: str


class OverlapReport(Record):
    """What was compared and what was removed."""

    rows: int
    kept: int
    benchmarks: dict[str, int] = Field(description="Benchmark -> items compared with.")
    removed: tuple[Removal, ...] = ()
    rules: OverlapRules = OverlapRules()

    @property
    def by_benchmark(self) -> dict[str, int]:
        """Rows removed per benchmark; every benchmark is listed, those without a hit with 0."""
        counts = Counter(removal.benchmark for removal in self.removed)
        return {name: counts.get(name, 0) for name in self.benchmarks}

    @property
    def by_rule(self) -> dict[str, int]:
        return dict(Counter(removal.rule for removal in self.removed))


def decontaminate(
    rows: Sequence[Case], benchmarks: Mapping[str, Sequence[Case]], rules: OverlapRules = OverlapRules()
) -> tuple[list[Case], OverlapReport]:
    """(rows that met no benchmark item, report). Raises TrainingError without anything to compare with."""
    if not benchmarks:
        raise TrainingError("no benchmark to compare with", remedy="name the evaluation sets that must stay unseen")
    empty = [name for name, items in benchmarks.items() if not items]
    if empty:
        raise TrainingError(
            f"benchmark {', '.join(empty)} holds no item", remedy="check its path; nothing was compared"
        )
    held = [(name, item) for name, items in benchmarks.items() for item in items]
    kept, removed = [], []
    try:
        index = OverlapIndex([item for _, item in held], rules)
        for row in rows:
            hit = index.hit(row)
            if hit is None:
                kept.append(row)
            else:
                name, item = held[hit.number]
                removed.append(Removal(row=row.id, benchmark=name, item=item.id, rule=hit.rule))
    except MediaError as error:
        raise TrainingError(error.what, where=error.where, remedy=error.remedy) from error
    sizes = {name: len(items) for name, items in benchmarks.items()}
    return kept, OverlapReport(rows=len(rows), kept=len(kept), benchmarks=sizes, removed=tuple(removed), rules=rules)
