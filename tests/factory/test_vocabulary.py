import pytest
from pydantic import ValidationError

from factory.errors import InputError
from factory.vocabulary import Domain, load_vocabulary

VOCABULARY = load_vocabulary()


@pytest.mark.parametrize("name", VOCABULARY.domains)
def test_every_domain_has_a_complete_label_map(name: str) -> None:
    domain = VOCABULARY.domain(name)
    assert list(domain.label_map.values()) == list(range(len(domain.classes) + 1))
    assert domain.class_names[1:] == domain.classes
    assert [domain.index(entry) for entry in domain.classes] == list(
        range(1, len(domain.classes) + 1)
    )


def test_the_public_models_domains_keep_its_class_order() -> None:
    assert VOCABULARY.domain("amos-abdomen-ct").index("left kidney") == 13
    assert len(VOCABULARY.domain("amos-abdomen-ct").classes) == 15
    assert VOCABULARY.domain("lits-abdomen-ct").label_map["liver tumor"] == 2
    grey = [domain for domain in VOCABULARY.domains.values() if domain.codec == "grey"]
    assert [len(domain.classes) for domain in grey] == [15, 3, 1, 1, 2, 2]


def test_titles_differ_except_where_the_public_model_does_not() -> None:
    titles = [d.title for d in VOCABULARY.domains.values() if d.codec != "grey"]
    assert len(set(titles)) == len(titles)


def test_phantoms_span_modalities_and_specialties() -> None:
    phantoms = [domain for domain in VOCABULARY.domains.values() if domain.phantom]
    assert len({domain.modality for domain in phantoms}) >= 11
    assert len({domain.specialty for domain in phantoms} - {""}) >= 8
    # But for the phantom CT, each has findings, so that a classifier has something to tell.
    assert [domain.name for domain in phantoms if len(domain.findings) < 2] == [
        "phantom-abdomen-ct"
    ]


def test_match_ignores_case_and_remarks() -> None:
    domain = VOCABULARY.match("Microscopy (brightfield grey)", "cell nuclei", ["cell nuclei"])
    assert domain.name == "nuclei-microscopy"


def test_match_prefers_the_domain_with_exactly_these_classes() -> None:
    assert VOCABULARY.match("CT", "abdomen", ["liver", "liver tumor"]).name == "lits-abdomen-ct"


def test_an_ambiguous_match_lists_its_candidates() -> None:
    with pytest.raises(InputError, match="amos-abdomen-ct and lits-abdomen-ct") as caught:
        VOCABULARY.match("CT", "abdomen", ["liver"])
    assert "\n" not in str(caught.value)


def test_unknown_names_are_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(InputError, match="nearest known: 'chest-xray-lungs'"):
        VOCABULARY.domain("chest-xray-lung")
    domain = VOCABULARY.domain("chest-xray-lungs")
    with pytest.raises(InputError, match=r"unknown class 'lung'.*'lungs'"):
        domain.index("lung")
    with pytest.raises(InputError, match=r"unknown finding 'tuberculoses'.*'tuberculosis'"):
        domain.shown("tuberculoses")


def test_a_finding_says_what_the_image_shows() -> None:
    domain = VOCABULARY.domain("breast-us-busi")
    assert domain.shown("normal") == ()
    assert domain.shown("benign") == domain.shown("") == ("breast lesion",)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ("a", "a")},
        {"classes": ("background",)},
        {"classes": ("a;b",)},
        {"findings": {"ill": ("c",)}},
        {"name": "Not Kebab"},
        {"colours": True},
    ],
    ids=str,
)
def test_a_contradictory_domain_is_refused(change: dict[str, object]) -> None:
    good = {"name": "x", "title": "x", "modality": "CT", "anatomy": "x", "classes": ("a", "b")}
    Domain.model_validate(good)
    with pytest.raises(ValidationError):
        Domain.model_validate(good | change)
