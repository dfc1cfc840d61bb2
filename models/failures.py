"""Turns what engines and their clients raise into the house's typed errors."""

import sys

from cases.errors import ModelError, ModelTimeout, ModelUnavailable, WardroundError
from models.profile import ModelProfile

_REMEDY = {
    "llamacpp": "the embedded engine stopped: start the program again, or run `wardround doctor`",
    "vllm": "start it with `wardround serve-model`, or correct the address after @ in the model spec",
    "openai": "check the address, the network and the proxy settings; `wardround doctor` tries it",
}


def translate(error: Exception, profile: ModelProfile, timeout_s: float) -> WardroundError | None:
    """The typed form of a client's exception; None for one that is not about the model (a bug: let it rise)."""
    where = f"{profile.identity} at {profile.base_url}" if profile.base_url else profile.identity
    if isinstance(error, WardroundError):
        return error
    if isinstance(error, TimeoutError) or type(error).__name__ in (
        "APITimeoutError",
        "TimeoutException",
        "ReadTimeout",
    ):
        return ModelTimeout(
            f"no reply within {timeout_s:g} s", where=where, remedy="raise request_timeout_s or ask for fewer tokens"
        )
    openai = sys.modules.get("openai")
    if openai is not None and isinstance(error, openai.APIStatusError):
        return _from_status(error.status_code, str(error), profile, where)
    if openai is not None and isinstance(error, openai.APIConnectionError):
        return _unreachable(profile, where, error.__cause__ or error)
    httpx = sys.modules.get("httpx")
    if isinstance(error, ConnectionError) or (httpx is not None and isinstance(error, httpx.TransportError)):
        return _unreachable(profile, where, error)
    return None


def _unreachable(profile: ModelProfile, where: str, cause: BaseException) -> ModelUnavailable:
    remedy = _REMEDY.get(profile.engine, _REMEDY["openai"])
    return ModelUnavailable(f"the engine cannot be reached: {cause}", where=where, remedy=remedy)


def _from_status(status: int, message: str, profile: ModelProfile, where: str) -> WardroundError:
    text = message if len(message) <= 600 else message[:600] + " ..."
    lowered = message.lower()
    if "image" in lowered and status in (400, 404, 415, 422, 500):
        return ModelError(
            f"the engine refused the images: {text}",
            where=where,
            remedy="choose a model that reads images, send fewer, or raise the server's --limit-mm-per-prompt",
        )
    if "context" in lowered and status in (400, 413, 422):
        return ModelError(
            f"the prompt does not fit: {text}", where=where, remedy="show less evidence, or serve a longer context"
        )
    if status in (401, 403):
        return ModelError(f"the key was refused: {text}", where=where, remedy="set OPENAI_API_KEY or VLLM_API_KEY")
    if status == 404:
        return ModelError(
            f"no such model or address: {text}", where=where, remedy="compare the spec with the server's /v1/models"
        )
    if status in (408, 409, 429) or status >= 500:
        return ModelUnavailable(
            f"the engine answered {status}: {text}", where=where, remedy="wait, or lower the concurrency"
        )
    return ModelError(f"the engine refused the request ({status}): {text}", where=where)
