"""The data recipe: planted overlaps go, counts add up, a kill loses nothing that was paid for."""

import asyncio
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cases.case import Case, Gold, Media
from cases.errors import MediaError, ModelTimeout, TrainingError
from cases.overlap import OverlapRules, image_hashes
from training.choice_rows import balanced, direct_row, direct_rows
from training.decontaminate import decontaminate
from training.recipe import RecipeSettings, TrainRow, dedupe, keep_right, run, stratified, style_of, write
from training.sampling import Said, Sample, SampleFile, sample, verified

VIGNETTE = (
    "A 58-year-old man comes to the clinic because of progressive dyspnoea on exertion over the past six months and "
    "a dry cough that keeps him awake at night while he sleeps on three pillows; which drug lengthens his life most?"
)


def choice(name: str, question: str, label: str = "B", **fields: object) -> Case:
    options = {"A": "digoxin", "B": "carvedilol", "C": "furosemide", "D": "nitrates"}
    return Case.model_validate(
        {"id": name, "question": question, "options": options, "gold": Gold(label=label), "split": "train"} | fields
    )


def other(number: int) -> Case:
    words = np.random.default_rng(number).permutation([f"word{number}x{i}" for i in range(25)])
    return choice(f"o{number}", " ".join(words) + "?")


HELD = choice("held", VIGNETTE, split="open")
WORDS = VIGNETTE.split()


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        (VIGNETTE, "16-gram"),
        (VIGNETTE.upper().replace(",", " "), "16-gram"),
        ("Yesterday " + " ".join(WORDS[3:22]) + " and then nothing else was said?", "16-gram"),
        (" ".join(w if i % 13 else "however" for i, w in enumerate(WORDS)), "8-gram"),
    ],
)
def test_planted_items_are_removed_by_the_rule_that_sees_them(planted: str, rule: str) -> None:
    kept, report = decontaminate(
        [other(1), choice("leak", planted), other(2)], {"medqa": [HELD], "pubmedqa": [other(9)]}
    )
    assert [case.id for case in kept] == ["o1", "o2"]
    assert [(r.row, r.benchmark, r.item, r.rule) for r in report.removed] == [("leak", "medqa", "held", rule)]
    assert report.by_benchmark == {"medqa": 1, "pubmedqa": 0}
    assert report.rows == report.kept + len(report.removed)


def test_a_short_question_is_removed_when_it_is_nearly_the_same() -> None:
    held = choice("h", "Drug of choice in absence seizures?", split="open")
    rows = [choice("near", "Drug of choice in absence seizure ?"), choice("far", "Drug of choice in malaria?")]
    kept, report = decontaminate(rows, {"medmcqa": [held]})
    assert [case.id for case in kept] == ["far"]
    assert report.by_rule == {"fuzzy": 1}


def test_one_shared_phrase_of_eight_words_does_not_remove_a_vignette() -> None:
    phrase = "his temperature is 37 C and pulse is 80 per minute"
    row = choice("row", f"{' '.join(f'own{i}' for i in range(30))} {phrase} why?")
    held = choice("h", f"{' '.join(f'theirs{i}' for i in range(30))} {phrase} how?", split="open")
    kept, _ = decontaminate([row], {"b": [held]})
    assert kept == [row]
    strict, _ = decontaminate([row], {"b": [held]}, OverlapRules(min_shared_8grams=1, min_8gram_share=0.0))
    assert strict == []


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    y, x = np.mgrid[:64, :64]
    smooth = (127 + 60 * np.sin(x / 9) * np.cos(y / 7)).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    paths = {name: tmp_path / f"{name}.png" for name in ("held", "copy", "rescaled", "unrelated")}
    Image.fromarray(smooth).save(paths["held"])
    paths["copy"].write_bytes(paths["held"].read_bytes())
    Image.fromarray(smooth).resize((96, 96)).save(paths["rescaled"])
    Image.fromarray(noise).save(paths["unrelated"])
    return paths


@pytest.mark.parametrize(("name", "rule"), [("copy", "image bytes"), ("rescaled", "image dhash"), ("unrelated", None)])
def test_images_of_the_benchmark_are_found_by_bytes_and_by_look(
    name: str, rule: str | None, pictures: dict[str, Path]
) -> None:
    held = choice("h", "held question about a film", split="open", media=(Media(uri=str(pictures["held"])),))
    row = choice("r", "another thing that is asked", media=(Media(uri=str(pictures[name])),))
    kept, report = decontaminate([row], {"images": [held]})
    assert [r.rule for r in report.removed] == ([rule] if rule else [])
    assert len(kept) == (0 if rule else 1)


def test_decontamination_fails_closed(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no benchmark"):
        decontaminate([other(1)], {})
    with pytest.raises(TrainingError, match="medqa holds no item"):
        decontaminate([other(1)], {"medqa": []})
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not an image")
    with pytest.raises(TrainingError, match=r"broken\.png"):
        decontaminate([choice("r", "q?", media=(Media(uri=str(broken)),))], {"b": [HELD]})
    with pytest.raises(MediaError):
        image_hashes(tmp_path / "absent.png")


def test_duplicates_are_the_same_words_with_the_same_options_in_any_order() -> None:
    first = choice("a", "Which drug?")
    swapped = first.model_copy(update={"id": "b", "question": "which  DRUG", "options": dict(zip("ABCD", reversed(list(first.options.values())), strict=True))})  # type: ignore[union-attr]  # fmt: skip  # noqa: E501
    different = first.model_copy(update={"id": "c", "options": {"A": "x", "B": "y"}})
    kept, dropped = dedupe([first, swapped, different])
    assert ([case.id for case in kept], dropped) == (["a", "c"], 1)


def test_direct_rows_show_the_products_own_prompt_and_hide_the_gold() -> None:
    from agents.prompts import case_messages, final_label

    row = direct_row(HELD)
    asked = [*case_messages(HELD.blinded()), final_label(HELD)]
    assert [m["content"] for m in row["prompt"]] == [m.content for m in asked]
    assert row["completion"] == [{"role": "assistant", "content": "B"}]
    with pytest.raises(TrainingError, match="no gold"):
        direct_row(HELD.blinded())


@given(count=st.integers(1, 40), seed=st.integers(0, 99))
def test_every_position_is_right_equally_often_and_the_right_text_stays_right(count: int, seed: int) -> None:
    cases = [choice(f"c{i}", f"question {i}", label="A") for i in range(count)]
    placed = balanced(cases, seed)
    positions = Counter(case.gold.label for case in placed if case.gold)
    assert max(positions.values()) - min([positions.get(label, 0) for label in "ABCD"]) <= 1
    for case in placed:
        assert case.gold is not None
        assert case.options is not None
        assert case.options[str(case.gold.label)] == "digoxin"
        assert sorted(case.options.values()) == sorted(["digoxin", "carvedilol", "furosemide", "nitrates"])
    assert len(direct_rows(cases, seed)) == count


def row(label: str, number: int, style: str = "direct") -> TrainRow:
    return TrainRow(
        prompt=(), completion=label, case_id=f"{number}", case_hash="", source="s", licence="", modality="US",
        style=style, label=label, teacher="t", sample=0, tokens=1,
    )  # fmt: skip


@given(
    counts=st.lists(st.integers(1, 12), min_size=2, max_size=4), total=st.one_of(st.none(), st.integers(2, 40))
)  # fmt: skip
def test_class_counts_differ_by_at_most_one(counts: list[int], total: int | None) -> None:
    rows = [row(f"class{k}", i) for k, n in enumerate(counts) for i in range(n)]
    kept = Counter(r.label for r in stratified(rows, total, 3))
    share = [kept.get(f"class{k}", 0) for k in range(len(counts))]
    assert max(share) - min(share) <= 1
    if total is not None:
        assert sum(share) <= total


def test_the_cap_keeps_some_right_traces_and_counts_the_others() -> None:
    made = [verified(HELD, "t", "direct", n, Said(text="B" if n % 2 else "A")) for n in range(16)]
    kept, dropped = keep_right(made, 3, seed=1)
    assert (len(kept), dropped) == (3, 5)
    assert all(one.is_right for one in keep_right(made, None, seed=1)[0])


@pytest.mark.parametrize(
    ("style", "text", "answer"),
    [
        ("reasoning", "<think>x</think><answer>B</answer>", "B"),
        ("reasoning", "The answer is B", None),
        ("reasoning", "<think>x</think><answer>B or C</answer>", None),
        ("direct", "B", "B"),
        ("direct", "beta blockers of course", None),
    ],
)
def test_a_sample_is_right_only_when_the_strict_parser_reads_the_gold_label(
    style: str, text: str, answer: str | None
) -> None:
    made = verified(HELD, "t", style, 0, Said(text=text))
    assert made.answer == answer
    assert made.is_right == (answer == "B")


def test_classification_answers_directly_and_reasoning_thinks() -> None:
    film = Media(uri="x.png")
    assert style_of(choice("a", "Which class is shown?", media=(film,))) == "direct"
    assert style_of(choice("a", "Which class?", meta={"task": "img_cls"})) == "direct"
    assert style_of(choice("a", VIGNETTE)) == "reasoning"
    assert style_of(choice("a", VIGNETTE, media=(film,), context="a long history")) == "reasoning"


class Counting:
    """A teacher that is right on even numbers, counts its calls, and can break."""

    def __init__(self, breaks_at: int | None = None):
        self.calls: list[tuple[str, int]] = []
        self.breaks_at = breaks_at

    async def __call__(self, case: Case, style: str, number: int) -> Said:
        assert case.gold is None
        assert case.meta == {}
        self.calls.append((case.id, number))
        if self.breaks_at is not None and len(self.calls) > self.breaks_at:
            raise ModelTimeout("too slow")
        return Said(text=f"<think>n{number}</think><answer>{'B' if number % 2 == 0 else 'A'}</answer>", tokens=7)


def test_sampling_resumes_with_what_is_missing_and_survives_a_half_line(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    cases = [other(1), other(2)]
    first = Counting(breaks_at=5)
    made = asyncio.run(
        sample(cases, first, "t", SampleFile(path), style=lambda c: "reasoning", samples=4, concurrency=1)
    )
    assert len(made) == 5
    with path.open("a") as file:
        file.write('{"case_id": "o2", "cut of')
    second = Counting()
    made = asyncio.run(sample(cases, second, "t", SampleFile(path), style=lambda c: "reasoning", samples=4))
    assert (len(made), len(second.calls)) == (8, 3)
    assert not set(second.calls) & set(first.calls[:5])
    assert len({one.key for one in made}) == 8
    third = Counting()
    asyncio.run(sample(cases, third, "other teacher", SampleFile(path), style=lambda c: "reasoning", samples=4))
    assert len(third.calls) == 8


def test_a_damaged_sample_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text("{}\n")
    with pytest.raises(TrainingError, match="line 1"):
        SampleFile(path)


def test_the_manifest_adds_up_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    leak, again = choice("leak", VIGNETTE), other(1).model_copy(update={"id": "again"})
    cases = [other(n) for n in range(4)] + [leak, again]
    rows, manifest = asyncio.run(
        run(cases, {"medqa": [HELD]}, Counting(), "t", tmp_path / "s.jsonl", RecipeSettings(samples=4, max_traces=1))
    )
    assert (manifest.collected, manifest.duplicates, manifest.questions) == (6, 1, 4)
    assert (manifest.samples, manifest.right, manifest.rows, manifest.dropped_by_cap) == (16, 8, 4, 4)
    assert manifest.rows_by == {" | text | reasoning": 4}
    assert manifest.tokens == 28
    assert manifest.overlap.by_benchmark == {"medqa": 1}
    write(rows, manifest, tmp_path / "out" / "train.jsonl")
    assert len((tmp_path / "out" / "train.jsonl").read_text().splitlines()) == 4
    assert len((tmp_path / "out" / "train.lineage.jsonl").read_text().splitlines()) == 4
    with pytest.raises(TrainingError, match="does not add up"):
        manifest.model_copy(update={"rows": 5}).check()


def test_a_case_without_gold_cannot_be_sampled(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no gold"):
        asyncio.run(
            sample([other(1).blinded()], Counting(), "t", SampleFile(tmp_path / "s"), style=lambda c: "reasoning")
        )


def test_samples_keep_wrong_replies_too(tmp_path: Path) -> None:
    file = SampleFile(tmp_path / "s.jsonl")
    asyncio.run(sample([other(1)], Counting(), "t", file, style=lambda c: "reasoning", samples=4))
    kept: list[Sample] = list(SampleFile(file.path).samples.values())
    assert sorted(one.is_right for one in kept) == [False, False, True, True]


def test_rows_in_which_a_word_gives_the_letter_away_are_refused_until_the_word_is_accepted(tmp_path: Path) -> None:
    def rows(word: str) -> list[Case]:
        made = [other(n) for n in range(60)]
        texts = [f"{case.question} {word if n % 6 == 0 else ''} item{n}" for n, case in enumerate(made)]
        labels = ["A" if n % 6 == 0 else "B" for n in range(60)]
        return [
            case.model_copy(update={"question": text, "gold": Gold(label=label)})
            for case, text, label in zip(made, texts, labels, strict=True)
        ]

    settings = RecipeSettings(samples=1)
    teacher = Counting()
    with pytest.raises(TrainingError, match="zq7"):
        asyncio.run(run(rows("zq7"), {"medqa": [HELD]}, teacher, "t", tmp_path / "s.jsonl", settings))
    assert teacher.calls == []
    accepted = settings.model_copy(update={"accepted_words": ("ZQ7",)})
    asyncio.run(run(rows("zq7"), {"medqa": [HELD]}, teacher, "t", tmp_path / "s.jsonl", accepted))
    asyncio.run(run(rows(""), {"medqa": [HELD]}, teacher, "t", tmp_path / "clean.jsonl", settings))
    assert len(teacher.calls) == 120
