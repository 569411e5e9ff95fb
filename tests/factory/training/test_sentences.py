from factory.training.sentences import corpus
from factory.vocabulary import Domain, load_vocabulary


def domain(**changes) -> Domain:
    given = {"name": "hand-xray", "title": "hand X-ray", "modality": "X-ray", "anatomy": "hand"}
    return Domain(**{**given, "classes": ("bone", "joint"), **changes})


def test_each_class_set_and_finding_gives_both_prompts():
    told = corpus({"hand-xray": domain(findings={"fracture": ("bone",)})})
    # Four class sets, with and without the finding, in two streams; and the empty prompt.
    assert len(told) == 4 * 2 * 2 + 1
    assert told[0].text == ""
    labels = {"domain=hand-xray", "class=bone", "finding=fracture", "stream=mask"}
    assert labels in [set(sentence.labels) for sentence in told]


def test_many_classes_are_sampled_but_the_whole_set_stays():
    names = tuple(f"organ{chr(97 + i)}" for i in range(12))
    told = corpus({"hand-xray": domain(classes=names)}, subsets=20)
    assert 30 <= len(told) <= 2 * 20 + 1
    assert max(sum(label.startswith("class=") for label in s.labels) for s in told) == 12


def test_the_same_seed_gives_the_same_sentences():
    domains = load_vocabulary().domains
    assert corpus(domains, seed=3) == corpus(domains, seed=3)
    assert corpus(domains, seed=3) != corpus(domains, seed=4)
