"""Images of exported rows: drawn again as PNG and named by content, so that headers and file names stay behind."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from cases.case import Case
from training.formats import Turn


def media_of(cases: Iterable[Case]) -> dict[str, Path]:
    """SHA-256 -> file of every medium of these cases that knows its hash."""
    return {medium.sha256: medium.path for case in cases for medium in case.all_media if medium.sha256}


class ImageFolder:
    """Writes each image once; `add` gives the path that a row holds, relative to the exported file."""

    def __init__(self, folder: Path, media: Mapping[str, Path]):
        self.folder, self.media = folder, media
        self._names: dict[str, str | None] = {}

    @property
    def count(self) -> int:
        return sum(1 for name in self._names.values() if name)

    def add(self, reference: str) -> str | None:
        """The relative path of an image given by file or content hash; None when no such file is known."""
        if reference not in self._names:
            path = self.media.get(reference, Path(reference))
            self._names[reference] = self._draw(path) if path.is_file() else None
        return self._names[reference]

    def inlined(self, turn: Turn) -> Turn:
        """The turn with its images as data URLs, for a service that cannot read this folder."""
        from PIL import Image

        from cases.media import data_url

        def url(name: str) -> str:
            with Image.open(self.folder.parent / name) as image:
                return data_url(image.convert("RGB"))

        context = tuple(said.model_copy(update={"images": tuple(map(url, said.images))}) for said in turn.context)
        return turn.model_copy(update={"context": context})

    def _draw(self, path: Path) -> str:
        from cases.media import load_media, read_image

        image = read_image(load_media(path)).convert("RGB")
        name = hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()[:32] + ".png"
        self.folder.mkdir(parents=True, exist_ok=True)
        image.save(self.folder / name, format="PNG")
        return f"{self.folder.name}/{name}"
