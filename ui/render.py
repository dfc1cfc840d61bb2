"""HTML from values: escaping is the default, so a record's text can never become markup.

`tag` escapes every child that is not already `Html`. Braces, `$` and backticks are escaped as well: the page's HTML
component is a template, and a model's text must not reach that template either.
"""

import html
import re
from collections.abc import Iterable

_TEMPLATE_MARKS = str.maketrans({"{": "&#123;", "}": "&#125;", "$": "&#36;", "`": "&#96;"})
_VOID = frozenset({"img", "br", "hr", "input"})
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_ADDRESS = re.compile(r"((?:https://|\b10\.\d{4,9}/)[^\s<>\"'`{}|\\^]*[^\s<>\"'`{}|\\^.,;:)\]])")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")


class Html(str):
    """Text that is already HTML. Only functions of this room make one."""

    __slots__ = ()


def escape(text: object) -> Html:
    """The text as HTML that shows it literally, in content and in quoted attributes."""
    if isinstance(text, Html):
        return text
    return Html(html.escape(str(text), quote=True).translate(_TEMPLATE_MARKS))


def join(parts: Iterable[object | None], separator: str = "") -> Html:
    """The parts one after the other, each escaped unless it is Html; None and '' are left out."""
    return Html(separator.join(escape(part) for part in parts if part is not None and part != ""))


def tag(name: str, *children: object | None, **attributes: object | None) -> Html:
    """One element. `cls` is the class, `_` in a name is `-`; True writes a bare attribute, None and False none."""
    shown = []
    for key, value in attributes.items():
        if value is None or value is False or value == "":
            continue
        label = "class" if key == "cls" else key.rstrip("_").replace("_", "-")
        shown.append(f" {label}" if value is True else f' {label}="{escape(value)}"')
    opening = f"<{name}{''.join(shown)}>"
    return Html(opening if name in _VOID else f"{opening}{join(children)}</{name}>")


def prose(text: str) -> Html:
    """A model's prose: paragraphs, bullet lists and **bold**, nothing else of Markdown and nothing of HTML."""
    blocks: list[Html] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line for line in block.splitlines() if line.strip()]
        bullets: list[str] = []
        loose: list[str] = []
        for line in lines:
            if _BULLET.match(line):
                if loose:
                    blocks.append(tag("p", join((_inline(part) for part in loose), "<br>")))
                    loose = []
                bullets.append(_BULLET.sub("", line))
            else:
                if bullets:
                    blocks.append(tag("ul", *(tag("li", _inline(item)) for item in bullets)))
                    bullets = []
                loose.append(line)
        if loose:
            blocks.append(tag("p", join((_inline(part) for part in loose), "<br>")))
        if bullets:
            blocks.append(tag("ul", *(tag("li", _inline(item)) for item in bullets)))
    return join(blocks)


def _inline(line: str) -> Html:
    return Html(_BOLD.sub(r"<strong>\1</strong>", escape(line.strip().lstrip("#").strip())))


def linked(text: str) -> Html:
    """Text whose https addresses and DOIs are links that tell the other side nothing of this page."""
    parts: list[Html] = []
    for piece in _ADDRESS.split(text):
        if _ADDRESS.fullmatch(piece):
            address = piece if piece.startswith("https://") else f"https://doi.org/{piece}"
            parts.append(tag("a", piece, href=address, target="_blank", rel="noopener noreferrer nofollow"))
        else:
            parts.append(escape(piece))
    return join(parts)


def sentence(text: str) -> str:
    """With a capital letter, and a full stop where it ends without a mark."""
    text = capital(text.strip())
    return text + ("" if not text or text[-1] in ".!?…)" else ".")


def capital(text: str) -> str:
    """With a capital first letter; the rest as it is."""
    return text[:1].upper() + text[1:]


def percent(probability: float) -> str:
    """A probability as a person reads it: '<1%', '37%', '>99%'."""
    if 0 < probability < 0.01:
        return "<1%"
    if 0.99 < probability < 1:
        return ">99%"
    return f"{round(probability * 100)}%"


def confidence_words(confidence: float | None) -> str:
    """Very low (< 0.3), low (< 0.5), moderate (< 0.75), high (< 0.9), very high."""
    if confidence is None:
        return "Confidence not stated"
    for bound, word in ((0.3, "Very low"), (0.5, "Low"), (0.75, "Moderate"), (0.9, "High")):
        if confidence < bound:
            return f"{word} confidence"
    return "Very high confidence"


def seconds(value: float) -> str:
    """'0.4 s', '12 s', '2 min 05 s'."""
    if value < 9.95:
        return f"{value:.1f} s"
    if value < 59.5:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"


def count(number: int | float) -> str:
    """A whole number with thin thousands: '12 400'."""
    return f"{number:,.0f}".replace(",", "\u202f")


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def role_name(role: str) -> str:
    """'emergency_medicine' -> 'Emergency medicine'; an acronym keeps its case."""
    words = re.sub(r"[_\-]+", " ", role).strip()
    return capital(words) if words else "Panel"
