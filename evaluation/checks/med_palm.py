"""Med-PaLM: votes with reported ties, and selective prediction from the share of the modal answer."""

from itertools import pairwise
from typing import Any

import numpy as np

from agents.voter import Ballot, tally
from evaluation.calibration import at_coverage, aurc, risk_coverage
from evaluation.checks.expectation import Expectations
from evaluation.statistics import exact_interval


def check() -> dict[str, Any]:
    seen = Expectations("planted 4-option client, 2,000 items, 41 decodes each")
    vote = tally([Ballot(voter=str(i), answer=a) for i, a in enumerate("AAB")])
    seen.that("vote of A, A, B", vote.winner, vote.winner == "A" and abs(vote.shares["A"] - 2 / 3) < 1e-9)
    tie = tally([Ballot(voter="1", answer="A"), Ballot(voter="2", answer="B")])
    seen.that("tie reported", list(tie.tied), tie.winner is None and tie.tied == ("A", "B"))
    rng = np.random.default_rng(0)
    skill = rng.beta(2.2, 1.6, 2000)
    correct, confidence = [], []
    for p in skill:
        counts = rng.multinomial(41, [p, *[(1 - p) / 3] * 3])
        ballots = [Ballot(voter="s", answer=label, weight=float(n)) for label, n in zip("ABCD", counts, strict=True)]
        result = tally(ballots, "weighted")
        winner = result.winner or sorted(result.tied)[int(rng.integers(len(result.tied)))]
        correct.append(winner == "A")
        confidence.append(max(result.shares.values()))
    full, most, half = (1 - at_coverage(confidence, correct, share).risk for share in (1.0, 0.8, 0.55))
    seen.that("accuracy at full coverage", full, 0.5 < full < 0.95)
    seen.that("at 80 %", most, most > full)
    seen.that("at 55 %", half, half >= most)
    area = aurc(confidence, correct)
    shuffled = aurc(rng.permutation(confidence).tolist(), correct)
    seen.that("AURC", area, area < shuffled)
    seen.that("AURC of random deferral", shuffled, abs(shuffled - (1 - full)) < 0.02)
    curve = risk_coverage(confidence, correct)
    rises = all(
        later.risk >= exact_interval(round(now.risk * now.coverage * 2000), round(now.coverage * 2000)).low
        for now, later in pairwise(curve)
    )
    seen.that("risk rises with coverage", rises, rises)
    return seen.outcome()
