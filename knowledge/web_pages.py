"""HTML pages as Markdown: headings, paragraphs, lists and tables stay; scripts, styles and navigation go."""

import re
from html.parser import HTMLParser
from typing import NamedTuple

_SKIPPED = frozenset({"script", "style", "nav", "noscript", "template", "svg", "form", "footer", "iframe"})
_BREAKS = frozenset({"p", "div", "section", "article", "main", "ul", "ol", "dl", "table", "blockquote", "figure", "br"})
_VOID = frozenset({"br", "hr", "img", "meta", "link", "input", "wbr", "source", "col", "area", "base", "embed"})


class WebPage(NamedTuple):
    """A page's title, its text as Markdown, and what its meta tags say."""

    title: str
    markdown: str
    meta: dict[str, str]


def read_page(html: str) -> WebPage:
    """The page; never raises: a browser shows malformed HTML too."""
    parser = _PageParser()
    parser.feed(html)
    parser.close()
    text = re.sub(r"[ \t]+\n", "\n", "".join(parser.pieces))
    title = " ".join(parser.title.split()) or parser.meta.get("citation_title", "")
    return WebPage(title, re.sub(r"\n{3,}", "\n\n", text).strip(), parser.meta)


class _PageParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.meta: dict[str, str] = {}
        self.title = ""
        self._skipped: list[str] = []
        self._is_title = self._is_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta":
            values = dict(attrs)
            name = values.get("name") or values.get("property")
            if name and values.get("content"):
                self.meta[name.lower()] = str(values["content"])
        if tag in _SKIPPED:
            self._skipped.append(tag)
        elif self._skipped or tag in _VOID - {"br"}:
            return
        elif tag == "title":
            self._is_title = True
        elif re.fullmatch(r"h[1-6]", tag):
            self.pieces.append(f"\n\n{'#' * int(tag[1])} ")
        elif tag in ("li", "dd"):
            self.pieces.append("\n- ")
        elif tag == "tr":
            self.pieces.append("\n|")
        elif tag in ("td", "th"):
            self._is_cell = True
        elif tag in _BREAKS and not self._is_cell:
            self.pieces.append("\n" if tag == "br" else "\n\n")

    def handle_endtag(self, tag: str) -> None:
        if self._skipped:
            if tag == self._skipped[-1]:
                self._skipped.pop()
        elif tag == "title":
            self._is_title = False
        elif tag in ("td", "th"):
            self._is_cell = False
            self.pieces.append(" |")
        elif (re.fullmatch(r"h[1-6]", tag) or tag in _BREAKS) and not self._is_cell:
            self.pieces.append("\n\n")

    def handle_data(self, data: str) -> None:
        if self._skipped:
            return
        if self._is_title:
            self.title += data
            return
        text = re.sub(r"\s+", " ", data)
        if self.pieces and self.pieces[-1].endswith(("\n", "- ", "# ")):
            text = text.lstrip()
        if self._is_cell and self.pieces and self.pieces[-1].endswith("|"):
            text = " " + text.lstrip()
        self.pieces.append(text)
