"""HTML from values: nothing that comes from a person or a model can become markup."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.render import Html, confidence_words, escape, join, percent, prose, role_name, seconds, tag

TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=200)


@given(TEXT)
def test_escaping_leaves_no_mark_that_html_or_a_template_would_read(text):
    shown = escape(text)
    assert not set(shown) & set("<>\"'{}$`")
    assert html.unescape(shown) == text


@given(TEXT)
def test_prose_has_only_the_four_tags_it_makes_itself(text):
    assert set(re.findall(r"</?(\w+)", prose(text))) <= {"p", "br", "ul", "li", "strong"}


def test_a_script_in_prose_is_shown_not_run():
    assert prose("<script>alert(1)</script>") == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"


def test_prose_shows_paragraphs_lists_and_bold():
    assert prose("One **two**.\n\n- a\n- b") == "<p>One <strong>two</strong>.</p><ul><li>a</li><li>b</li></ul>"


def test_prose_does_not_render_links_or_images():
    shown = prose("[x](javascript:alert(1)) ![y](http://example.org/z.png)")
    assert "<a" not in shown
    assert "<img" not in shown


def test_a_tag_escapes_its_attributes():
    assert tag("p", "x", title='"><img src=x>') == '<p title="&quot;&gt;&lt;img src=x&gt;">x</p>'


def test_a_tag_keeps_what_is_html_already_and_leaves_out_none():
    assert tag("p", tag("b", "x"), None, cls="c", hidden=True, id=None) == '<p class="c" hidden><b>x</b></p>'


def test_escaping_twice_is_escaping_once():
    assert escape(escape("<")) == "&lt;"
    assert isinstance(join(["<", Html("<b>")]), Html)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0%"), (0.004, "<1%"), (0.374, "37%"), (0.999, ">99%"), (1.0, "100%")]
)
def test_percentages_do_not_round_to_certainty(value, shown):
    assert percent(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.42, "0.4 s"), (12.3, "12 s"), (59.9, "1 min 00 s"), (125, "2 min 05 s")]
)
def test_durations_read_as_a_person_says_them(value, shown):
    assert seconds(value) == shown


def test_confidence_has_words():
    assert [confidence_words(c) for c in (None, 0.1, 0.4, 0.6, 0.8, 0.95)] == [
        "Confidence not stated", "Very low confidence", "Low confidence", "Moderate confidence", "High confidence",
        "Very high confidence",
    ]  # fmt: skip


def test_roles_are_named_for_people():
    assert role_name("emergency_medicine") == "Emergency medicine"
