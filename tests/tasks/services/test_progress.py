import pytest

from tasks.services.progress import shown_on, stage


class Recorder:
    def __init__(self):
        self.seen = []

    def open(self, title, total):
        self.seen.append((title, total))
        return len(self.seen)

    def move(self, bar, done, note):
        self.seen.append((bar, done, note))

    def close(self, bar):
        self.seen.append((bar, "closed"))


def test_a_stage_is_shown_where_someone_looks():
    recorder = Recorder()
    with shown_on(recorder), stage("pairs", total=3) as progress:
        progress.advance(2, note="shard 0")
        progress.advance()
    assert recorder.seen == [("pairs", 3), (1, 2, "shard 0"), (1, 3, ""), (1, "closed")]


def test_a_stage_is_closed_by_an_error_and_nobody_need_look():
    recorder = Recorder()
    with shown_on(recorder), pytest.raises(RuntimeError), stage("pairs"):
        raise RuntimeError
    assert recorder.seen[-1] == (1, "closed")
    with stage("unseen") as progress:
        progress.advance()
    assert len(recorder.seen) == 2
