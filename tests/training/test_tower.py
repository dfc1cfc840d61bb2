"""The tower's training: it learns a planted rule, learns nothing from shuffled labels, and splits by patient."""

import json
import random
from pathlib import Path

import pytest

from cases.errors import TrainingError, WeightsError
from training import tower as training
from training.images import ImageRow, folds, load_rows, shuffle_facts, split

COLOURS = {"benign": (200, 60, 60), "malignant": (60, 60, 200)}


def planted(folder: Path, n: int, seed: int) -> list[ImageRow]:
    """Breast images whose finding is their colour."""
    from PIL import Image

    generator = random.Random(seed)
    rows = []
    for i in range(n):
        value = ("benign", "malignant")[i % 2]
        shade = tuple(channel + generator.randint(-30, 30) for channel in COLOURS[value])
        path = folder / f"{seed}-{i}.png"
        Image.new("RGB", (48, 48), shade).save(path)
        rows.append(ImageRow(str(i), "busi_us", path, f"busi_us:{i}", "made here", {"breast_finding": value}))
    return rows


def accuracy_after_training(models_dir: Path, train: list[ImageRow], test: list[ImageRow]) -> float:
    """Zero-shot accuracy of a tower trained for seconds on small pictures."""
    import torch
    from torch.nn.functional import normalize

    from models.tower import build_untrained

    try:
        model, preprocess, tokenizer = build_untrained(models_dir)
    except WeightsError as error:
        pytest.skip(str(error))
    preprocess.transforms[0].size = (64, 64)
    settings = training.TowerSettings(views=2, epochs=10, batch=16, lr=3e-3)
    views = training.cache_views(model, preprocess, train, settings)
    training.train(model, tokenizer, views, train, settings)
    texts = training.TextCache(model, tokenizer)
    seen = training.cache_views(model, preprocess, test, training.TowerSettings(views=1))
    with torch.no_grad():
        images = normalize(training.upper(model.visual, seen[:, 0].float(), settings.trained_blocks), dim=-1)
        classes = torch.stack(
            [model.text.proj(texts(training.prompts("breast_finding", value)[:4])).mean(0) for value in COLOURS]
        )
        chosen = (images @ normalize(classes, dim=-1).T).argmax(1).tolist()
    return sum(list(COLOURS)[c] == row.facts["breast_finding"] for c, row in zip(chosen, test, strict=True)) / len(test)


@pytest.mark.engine
def test_a_planted_rule_is_learned_and_shuffled_labels_teach_nothing(models_dir, tmp_path):
    train, test = planted(tmp_path, 32, 1), planted(tmp_path, 40, 2)
    assert accuracy_after_training(models_dir, train, test) >= 0.95
    mirrored = [
        ImageRow(r.id, r.dataset, r.path, r.group, r.licence, {"breast_finding": ("benign", "malignant")[i % 4 > 1]})
        for i, r in enumerate(train)
    ]  # half of each colour carries each label: nothing to learn
    assert 0.2 <= accuracy_after_training(models_dir, mirrored, test) <= 0.8


def test_a_caption_is_true_of_its_image_false_of_others_and_open_where_the_fact_is_unknown():
    def row(dataset: str, **facts: str) -> ImageRow:
        return ImageRow("i", dataset, Path("x"), "g", "A", facts)

    caption = training.Caption("PA view", "covid_cxr", (("view", "PA"),))
    assert caption.holds(row("covid_cxr", view="PA", chest_finding="covid")) is True
    assert caption.holds(row("covid_cxr", view="AP")) is False
    assert caption.holds(row("covid_cxr", chest_finding="covid")) is None
    assert caption.holds(row("busi_us", breast_finding="benign")) is False


def test_every_drawn_caption_holds_for_its_own_image():
    generator = random.Random(0)
    row = ImageRow("i", "dr_fundus", Path("x"), "g", "B", {"retinopathy": "yes", "maculopathy": "no"})
    drawn = [training.draw_caption(row, generator) for _ in range(200)]
    assert all(caption.holds(row) is True for caption in drawn)
    assert len({caption.text for caption in drawn}) > 20


def test_an_unknown_pair_is_neither_positive_nor_negative_in_the_loss():
    import torch

    image, text = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    truth, scale = torch.tensor([[True, False], [False, True]]), torch.tensor(5.0)
    all_known = training.contrast(image, text, truth, torch.ones(2, 2, dtype=torch.bool), scale)
    open_pair = training.contrast(image, text, truth, torch.tensor([[True, False], [True, True]]), scale)
    assert open_pair < all_known


def test_no_patient_is_on_both_sides_and_the_split_is_the_same_each_time(shared_data):
    rows = load_rows(shared_data / "multimodal")
    train, test = split(rows)
    assert not {row.group for row in train} & {row.group for row in test}
    assert split(rows) == (train, test)
    assert 0.28 < len(test) / len(rows) < 0.4


def test_the_shipped_split_is_the_one_the_code_makes(shared_data):
    from models.tower import SHIPPED

    train, test = split(load_rows(shared_data / "multimodal"))
    shipped = json.loads((SHIPPED / "split.json").read_text())
    assert shipped["train"] == sorted(row.id for row in train)
    assert shipped["test"] == sorted(row.id for row in test)


def test_sets_of_class_c_and_images_without_an_open_licence_are_refused(shared_data):
    with pytest.raises(TrainingError, match="brain_mri"):
        load_rows(shared_data / "multimodal", ["brain_mri"])
    assert all(row.licence.startswith("CC") for row in load_rows(shared_data / "multimodal", ["covid_cxr"]))


def test_a_broken_line_is_named_with_its_number(tmp_path):
    (tmp_path / "busi_us").mkdir()
    (tmp_path / "busi_us" / "labels.jsonl").write_text(
        '{"id": "a", "answer": "benign", "images": ["a.jpg"]}\n{broken\n'
    )
    with pytest.raises(TrainingError, match=r"labels.jsonl:2"):
        load_rows(tmp_path, ["busi_us"])


def test_shuffling_deals_the_same_facts_to_other_images():
    rows = [
        ImageRow(str(i), "busi_us", Path("x"), str(i), "A", {"breast_finding": ("benign", "normal")[i % 2]})
        for i in range(40)
    ]
    dealt = shuffle_facts(rows, 3)
    assert sorted(str(r.facts) for r in dealt) == sorted(str(r.facts) for r in rows)
    assert [r.facts for r in dealt] != [r.facts for r in rows]
    assert set(folds(rows)) == {0, 1, 2}
