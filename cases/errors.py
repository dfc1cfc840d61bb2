"""Every error the product raises on purpose.

A message names what was wrong, where (file, line or record id) and what to do. `is_retryable` says whether
asking again may help; runners read it, nobody parses messages.
"""


class WardroundError(Exception):
    """Root of the hierarchy: catching it catches everything the product raises on purpose."""

    is_retryable = False

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None):
        self.what, self.where, self.remedy = what, where, remedy
        text = what if where is None else f"{where}: {what}"
        super().__init__(text if remedy is None else f"{text} ({remedy})")

    def __reduce__(self) -> tuple:
        return _rebuild, (type(self), self.what, self.where, self.remedy)


def _rebuild(kind: type[WardroundError], what: str, where: str | None, remedy: str | None) -> WardroundError:
    return kind(what, where=where, remedy=remedy)


class CaseError(WardroundError):
    """A case record that cannot be read: malformed JSON, unknown option label, empty question, duplicate id."""


class MediaError(WardroundError):
    """An image, DICOM, volume or signal that is missing, corrupt, too large or without pixels."""


class SettingsError(WardroundError):
    """A setting that does not exist or has a value out of its range."""


class ModelError(WardroundError):
    """The model could not be had or did not answer."""


class ModelUnavailable(ModelError):
    """The engine cannot be reached, or the weights are not on this machine."""

    is_retryable = True


class ModelTimeout(ModelError):
    """The engine did not answer in time."""

    is_retryable = True


class ModelReplyError(ModelError):
    """The engine answered, but not in the form that was asked for."""

    is_retryable = True


class WeightsError(ModelError):
    """A model file that is truncated, has another hash than its manifest, or cannot be fetched."""


class BudgetExceeded(WardroundError):
    """The calls, tokens, seconds or money that a case may cost are spent."""


class SearchIndexError(WardroundError):
    """A search index that is missing, corrupt, or made by another encoder; names the command that rebuilds it."""


class KnowledgeError(WardroundError):
    """A corpus, ontology or table that is absent or malformed."""


class TrajectoryError(WardroundError):
    """A trajectory store that cannot be read or written, or an export that would leak."""


class TrainingError(WardroundError):
    """Training data or settings from which nothing can be trained."""


class EvaluationError(WardroundError):
    """A benchmark, metric or comparison that would not mean anything."""


class JudgeIsPolicy(EvaluationError):
    """A model that was to judge its own answers."""


class JudgeNotCalibrated(EvaluationError):
    """A judge whose agreement with people is below what a report needs."""
