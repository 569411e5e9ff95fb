import pytest


@pytest.mark.integration
def test_headroom_reads_the_real_curve_and_leaves_the_test_split_closed(medpair, heads, tmp_path):
    words = ("--size", 32, "--seeds", 2, "--steps", 2, "--home", tmp_path / "home")
    said = medpair("headroom", heads, *words, "--json")
    assert said.code == 0, said.err
    (found,) = said.json["domains"]
    assert found["images"][-1] > found["images"][0] or len(found["images"]) == 1
    assert len(found["dice"]) == len(found["images"])
    assert found["verdict"].endswith((".", ")."))
    again = medpair("headroom", heads, *words)
    assert found["verdict"][:20] in again.out.replace("\n", " ")


def test_headroom_of_nothing_is_one_line(medpair, tmp_path):
    said = medpair("headroom", tmp_path / "nowhere", "--home", tmp_path / "home")
    assert said.code == 2
    assert len(said.lines) == 1
    assert not (tmp_path / "home").exists()
