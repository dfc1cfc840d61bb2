"""Asks a running OpenAI-compatible server what it serves, before a run is trusted to it."""

import base64
import io
import os
from typing import TYPE_CHECKING

from cases.errors import ModelError, ModelUnavailable

if TYPE_CHECKING:
    import httpx

    from models.specs import Spec

CONNECT_S = 5.0


def check_served(spec: "Spec", *, needs_images: bool = False, images: int = 1) -> str:
    """One line on a server that works: version, context length, models.

    With `needs_images` it is sent `images` small pictures for a reply of one token. Raises ModelUnavailable for one
    that cannot be reached, ModelError for one that does not serve the model or refuses the pictures.
    """
    import httpx

    from models.specs import is_loopback

    key = os.environ.get("VLLM_API_KEY" if spec.kind == "vllm" else "OPENAI_API_KEY", "none")
    client = httpx.Client(
        base_url=spec.url,
        headers={"authorization": f"Bearer {key}"},
        timeout=httpx.Timeout(30, connect=CONNECT_S),
        trust_env=not is_loopback(spec.url),
    )
    with client:
        try:
            response = client.get("/models")
            response.raise_for_status()
            models = {item["id"]: item for item in response.json()["data"]}
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            remedy = "set VLLM_API_KEY or OPENAI_API_KEY" if status in (401, 403) else "does the address end in /v1?"
            raise ModelError(f"/models answered {status}", where=spec.url, remedy=remedy) from error
        except (httpx.TransportError, OSError) as error:
            remedy = "start it with `wardround serve-model`, or correct the address in the spec"
            raise ModelUnavailable(f"cannot be reached: {error}", where=spec.url, remedy=remedy) from error
        except (ValueError, KeyError, TypeError) as error:
            remedy = "the address after @ should end in /v1"
            raise ModelError("no OpenAI-compatible server", where=spec.url, remedy=remedy) from error
        if spec.name not in models:
            remedy = f"it serves: {', '.join(models)}"
            raise ModelError(f"does not serve {spec.name!r}", where=spec.url, remedy=remedy)
        if needs_images:
            _send_pictures(client, spec, images)
    context = models[spec.name].get("max_model_len")
    return f"{spec.name} at {spec.url}" + (f", context {context}" if context else "") + (
        f", takes {images} image(s)" if needs_images else ""
    )  # fmt: skip


def _send_pictures(client: "httpx.Client", spec: "Spec", images: int) -> None:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (56, 56), (90, 90, 90)).save(stream, "PNG")
    picture = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()},
    }
    content = [*[picture] * images, {"type": "text", "text": "Grey?"}]
    body = {"model": spec.name, "max_tokens": 1, "messages": [{"role": "user", "content": content}]}
    response = client.post("/chat/completions", json=body, timeout=120)
    if response.status_code != 200:
        raise ModelError(
            f"refused {images} image(s): {response.text[:300]}",
            where=spec.url,
            remedy="serve a model that reads images, or raise --limit-mm-per-prompt",
        )
