"""The demo end to end in a real Chromium, on a scripted ward."""

import pytest

pytestmark = pytest.mark.browser

ECG = "ST elevation in the inferior leads"


def choose(page, title):
    page.click("#wr-example input")
    page.click(f"ul[role=listbox] >> text={title}")
    page.wait_for_function("document.querySelector('#wr-question textarea').value.length > 10")


def run_to_verdict(page, title=ECG):
    choose(page, title)
    page.click("#wr-run")
    page.wait_for_selector("article.wr-verdict")


def scrolls_sideways(page):
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def test_an_example_runs_to_a_verdict_whose_citations_open_and_can_be_talked_about(visit, demo):
    page = visit()
    assert page.inner_text(".wr-mode") == "Text-only mode"
    run_to_verdict(page)
    assert "Inferior myocardial infarction" in page.inner_text(".wr-answer")
    card = page.inner_text("article.wr-verdict")
    for words in (
        "78%",
        "1 of 2 citations verified",
        "Dissent",
        "failed",
        "What would change the answer",
        "Single pass",
    ):
        assert words.lower() in card.lower(), words

    page.click("article.wr-verdict p button.wr-chip >> nth=0")
    drawer = page.locator("#wr-cite-1")
    drawer.wait_for(state="visible")
    assert drawer.locator("mark").inner_text() == "the occluded vessel is most often the right coronary artery"
    page.keyboard.press("Escape")
    drawer.wait_for(state="hidden")
    page.click("ol.wr-cites li:nth-child(2) button")
    page.locator("#wr-cite-2").wait_for(state="visible")
    assert "not found in the source" in page.inner_text("#wr-cite-2")
    page.click("#wr-cite-2 .wr-close")

    page.fill("#wr-ask textarea", "Why not <i>pericarditis</i>?")
    page.press("#wr-ask textarea", "Enter")
    page.wait_for_selector(".wr-said-model:has-text('onerror=alert(2)')")
    assert "<i>pericarditis</i>" in page.inner_text(".wr-said-user")

    page.fill("#wr-correction textarea", "posterior leads were not looked at")
    page.click("#wr-down")
    page.wait_for_selector(".wr-saved:has-text('with your correction')")
    run = demo.store.list(limit=1)[0].id
    given = demo.store.get(run).result.feedback
    assert [(f.thumb, f.correction) for f in given] == [("down", "posterior leads were not looked at")]
    assert any(step.node == "follow_up" for step in demo.store.get(run).steps)

    page.click("role=tab[name=Trajectories]")
    page.wait_for_selector(".wr-step")
    page.click(".wr-step:not(.wr-step-quiet) >> nth=0")
    page.locator(".wr-step[open] .wr-message-reply").first.wait_for(state="visible")
    with page.expect_download() as download:
        page.click("#wr-export")
    assert download.value.suggested_filename.startswith(f"trajectory-{run[:12]}")
    assert page.problems == []


def test_the_emergency_banner_is_there_before_any_model_is_open(visit, demo):
    page = visit()
    choose(page, "Crushing chest pain")
    demo.house.may_open.clear()
    try:
        page.click("#wr-run")
        page.wait_for_selector("section.wr-emergency")
        assert page.locator("article.wr-verdict").count() == 0
    finally:
        demo.house.may_open.set()
    page.wait_for_selector("article.wr-verdict.wr-is-emergency")
    assert "rules that fired" in page.inner_text("article.wr-verdict").lower()


def test_an_image_case_is_labelled_as_image_mode_and_shows_the_image(visit):
    page = visit()
    choose(page, "A round thing")
    page.wait_for_selector(".wr-mode:has-text('Image mode')")
    page.wait_for_selector("#wr-preview img")
    assert page.evaluate("document.querySelector('#wr-preview img').naturalWidth") > 0


def test_two_visitors_do_not_see_each_other(visit):
    first, second = visit(), visit()
    run_to_verdict(first)
    second.click("role=tab[name=Trajectories]")
    second.wait_for_selector("#wr-opened >> text=No run opened")
    assert second.input_value("#wr-which input") == ""
    assert second.locator("article.wr-verdict").count() == 0
    first.click("role=tab[name=Trajectories]")
    first.wait_for_selector(".wr-step")


def test_a_run_can_be_stopped_and_another_started(visit, demo):
    page = visit()
    choose(page, ECG)
    demo.house.may_open.clear()
    try:
        page.click("#wr-run")
        page.wait_for_selector(".wr-clock-running")
        page.click("#wr-stop")
        page.wait_for_timeout(300)
    finally:
        demo.house.may_open.set()
    page.wait_for_selector(".wr-clock-stopped")
    page.wait_for_selector("#wr-run:not([disabled])")
    page.click("#wr-run")
    page.wait_for_selector("article.wr-verdict")


def test_a_case_that_cannot_be_read_is_answered_with_a_remedy(visit):
    page = visit()
    page.click("#wr-run")
    page.wait_for_selector(".wr-error:has-text('type or paste a case')")


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_scrolls_sideways(visit, width):
    page = visit(width=width)
    assert not scrolls_sideways(page)
    run_to_verdict(page)
    assert not scrolls_sideways(page)
    page.click("article.wr-verdict ol.wr-cites button >> nth=0")
    assert not scrolls_sideways(page)
    assert page.is_visible("#wr-header >> text=A person decides.")


def test_the_page_can_be_used_by_keyboard(visit):
    page = visit()
    page.focus("#wr-question textarea")
    page.keyboard.type("A man with a rash. What is it?")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "wr-run":
            break
    assert page.evaluate("document.activeElement.id") == "wr-run"
    unnamed = page.evaluate(
        """[...document.querySelectorAll('main input:not([type=file]), main textarea, main button')]
        .filter(e => e.offsetParent && !(e.ariaLabel || e.innerText.trim() || e.labels?.length))
        .map(e => e.outerHTML)"""
    )
    assert unnamed == []
