"""The embedded VLM and its tower as others use them: parsing, limits, errors, determinism, speed of refusal."""

import base64
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from cases.errors import MediaError, ModelError, WeightsError
from models.embedded_vlm import MAX_IMAGES, EmbeddedVLM, parse_reply, read_question
from models.tower import SHIPPED, build_untrained, load_tower, read_weights


def url(colour: tuple[int, int, int] = (90, 90, 90)) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def asking(text: str, *urls: str) -> HumanMessage:
    blocks = [{"type": "image_url", "image_url": {"url": one}} for one in urls]
    return HumanMessage(content=[*blocks, {"type": "text", "text": text}])


@pytest.fixture(scope="module")
def vlm(models_dir: Path) -> EmbeddedVLM:
    model = EmbeddedVLM.from_weights(models_dir)
    try:
        assert model.network
    except WeightsError as error:
        pytest.skip(str(error))
    return model


@pytest.fixture(scope="module")
def tower(models_dir: Path):
    try:
        return load_tower(models_dir)
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("text", "finding", "answer"),
    [
        ("finding: benign lesion; answer: B", "benign lesion", "B"),
        ("finding: benign lesion;", "benign lesion", None),
        ("Finding: PA view; Answer: a", "PA view", "A"),
        ("finding: no DR; answer: Because", "no DR", None),
        ("I cannot tell", "I cannot tell", None),
        ("", "", None),
    ],
)
def test_a_reply_is_parsed_strictly(text, finding, answer):
    parsed = parse_reply(text)
    assert (parsed.finding, parsed.answer) == (finding, answer)


@given(st.text(max_size=200))
def test_any_text_can_be_parsed_and_never_yields_a_label_that_is_not_one_letter(text):
    answer = parse_reply(text).answer
    assert answer is None or (len(answer) == 1 and answer.isascii() and answer.isupper())


def test_question_and_options_are_found_in_what_an_agent_asks():
    asked = read_question("Question: Which one is it?\nOptions:\nA. benign\nB. malignant (cancer)")
    assert asked.text == "Which one is it?"
    assert asked.options == {"A": "benign", "B": "malignant (cancer)"}
    assert read_question("Describe it.").options is None


@given(st.dictionaries(st.sampled_from("ABCDE"), st.from_regex(r"[a-z][a-z ]{0,20}[a-z]", fullmatch=True), min_size=1))
def test_options_survive_the_round_trip_through_a_prompt(options):
    from models.vision_language import prompt

    assert read_question(prompt("What is it?", options).split("<|im_end|>")[0]).options == options


def test_more_images_than_the_limit_are_refused_with_the_limit_named(tmp_path):
    model = EmbeddedVLM(models_dir=tmp_path)
    with pytest.raises(ModelError, match=f"limit is {MAX_IMAGES}"):
        model.invoke([asking("What?", *[url()] * (MAX_IMAGES + 1))])


def test_a_request_without_an_image_and_one_with_a_web_address_are_refused(tmp_path):
    model = EmbeddedVLM(models_dir=tmp_path)
    with pytest.raises(ModelError, match="no image"):
        model.invoke("What is this?")
    with pytest.raises(MediaError, match="data URL"):
        model.invoke([asking("What?", "https://example.org/a.png")])
    with pytest.raises(MediaError, match="not a picture"):
        model.score_choices([asking("What?", "data:image/png;base64,AAAA")], ["A"])


def test_missing_trunks_and_damaged_weights_name_file_and_remedy(tmp_path):
    with pytest.raises(WeightsError, match="models pull"):
        build_untrained(tmp_path)
    with pytest.raises(WeightsError, match="models pull"):
        load_tower(tmp_path)
    with pytest.raises(WeightsError, match=r"projector\.safetensors.*reinstall"):
        EmbeddedVLM.from_weights(tmp_path, tmp_path)
    damaged = tmp_path / "tower.safetensors"
    damaged.write_bytes((SHIPPED / "tower.safetensors").read_bytes()[:1000])
    with pytest.raises(WeightsError, match="cannot be read"):
        read_weights(damaged)


def test_an_image_trunk_that_is_another_network_is_refused(tmp_path, models_dir):
    import shutil

    import torch

    if not (models_dir / "all-minilm-l6-v2" / "model.safetensors").is_file():
        pytest.skip("needs all-minilm-l6-v2")
    (tmp_path / "efficientnet-lite0").mkdir()
    torch.save({"weight": torch.zeros(3)}, tmp_path / "efficientnet-lite0" / "model.pth")
    shutil.copytree(models_dir / "all-minilm-l6-v2", tmp_path / "all-minilm-l6-v2", copy_function=_link)
    with pytest.raises(WeightsError, match="not an EfficientNet"):
        build_untrained(tmp_path)


def _link(source: str, target: str) -> None:
    Path(target).symlink_to(Path(source).resolve())


@pytest.mark.engine
def test_the_shipped_tower_gives_unit_vectors_that_do_not_change(tower):
    import numpy as np
    from PIL import Image

    images = [Image.new("L", (80, 60), 40), Image.new("RGB", (300, 200), (200, 30, 30))]
    vectors = tower.encode_images(images)
    assert vectors.shape == (2, tower.dim)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors, tower.encode_images(images), atol=1e-6)
    assert np.allclose(vectors[:1], tower.encode_images(images[:1]), atol=1e-4)
    texts = tower.encode_texts(["breast ultrasound", "chest X-ray"])
    assert np.allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    assert tower.encode_images([]).shape == (0, tower.dim)
    assert len(tower.revision) == 12


@pytest.mark.engine
@pytest.mark.shared
def test_the_shipped_tower_tells_modalities_of_unseen_images_apart(tower, shared_data):
    from PIL import Image

    from training.images import MODALITIES, load_rows, split

    _, test = split(load_rows(shared_data / "multimodal"))
    names = list(MODALITIES)
    chosen = [row for name in names for row in [r for r in test if r.dataset == name][:4]]
    texts = tower.encode_texts([MODALITIES[name][0] for name in names])
    found = (tower.encode_images([Image.open(row.path) for row in chosen]) @ texts.T).argmax(1)
    assert sum(names[i] == row.dataset for i, row in zip(found, chosen, strict=True)) >= 14


@pytest.mark.engine
def test_the_shipped_vlm_answers_shortly_with_usage_and_the_same_each_time(vlm):
    message = asking("Question: Which view is it?\nOptions:\nA. PA view\nB. AP view", url())
    first, second = vlm.invoke([message]), vlm.invoke([message])
    assert first.content == second.content
    assert first.usage_metadata["output_tokens"] <= 48
    assert first.usage_metadata["input_tokens"] > 10
    assert vlm.identity.startswith("wardround-vlm@")


@pytest.mark.engine
def test_a_description_says_only_what_it_was_measured_to_see(vlm):
    from models.embedded_vlm import FINDINGS

    said = {
        vlm.invoke([asking("What does this image show?", url(colour))]).text for colour in ((9, 9, 9), (250, 250, 250))
    }
    assert said <= {f"finding: {kind}, {words}" for kind, (_, group) in FINDINGS.items() for words in group}


@pytest.mark.engine
def test_real_images_of_two_kinds_are_described_as_what_they_are(vlm, shared_data):
    from cases.media import data_url, load_media, read_image

    for folder, kind in (("busi_us", "breast ultrasound"), ("covid_cxr", "chest X-ray")):
        images = sorted((shared_data / "multimodal" / folder / "images").iterdir())
        images = images[:: len(images) // 5][:5]
        urls = [data_url(read_image(load_media(path))) for path in images]
        said = [vlm.invoke([asking("What does this image show?", one)]).text for one in urls]
        assert sum(text.startswith(f"finding: {kind}") for text in said) >= 4
        assert len(set(said)) > 1, "one sentence for every image is no description"


def test_choice_scores_are_probabilities_and_do_not_depend_on_the_order_of_labels(vlm):
    message = asking("Which view is it?\nA. PA view\nB. AP view", url())
    scores = vlm.score_choices([message], ["A", "B"])
    assert sum(scores.values()) == pytest.approx(1)
    assert vlm.score_choices([message], ["B", "A"])["A"] == pytest.approx(scores["A"], abs=1e-4)


@pytest.mark.engine
def test_several_images_are_read_one_by_one(vlm):
    reply = vlm.invoke([asking("Describe these images.", url(), url((250, 10, 10)))]).content
    assert reply.startswith("image 1:")
    assert "\nimage 2:" in reply


@pytest.mark.engine
def test_two_threads_get_what_one_gets(vlm):
    from concurrent.futures import ThreadPoolExecutor

    message = [asking("Which view is it?\nA. PA view\nB. AP view", url())]
    alone = vlm.score_choices(message, ["A", "B"])
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: vlm.score_choices(message, ["A", "B"]), range(2)))
    assert all(one["A"] == pytest.approx(alone["A"], abs=1e-6) for one in both)
