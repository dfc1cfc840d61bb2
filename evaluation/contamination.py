"""Has the model seen the test? It is given the first half of a question and continues it (MedAgentsBench's probe)."""

from cases.errors import EvaluationError


def halves(question: str) -> tuple[str, str]:
    """The question cut in half by words. Raises EvaluationError under four words: nothing to continue."""
    words = question.split()
    if len(words) < 4:
        raise EvaluationError(f"{len(words)} words cannot be cut in half", remedy="leave short questions out")
    cut = len(words) // 2
    return " ".join(words[:cut]), " ".join(words[cut:])


def completion_distance(continuation: str, truth: str) -> float:
    """Levenshtein distance of the continuation, cut to the truth's length, over the longer length: 0 is verbatim."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_distance(continuation.strip()[: len(truth)], truth.strip()))
