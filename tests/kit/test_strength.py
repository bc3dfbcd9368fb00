import time

from ostiary.kit.strength import score


def test_scores_are_zxcvbns() -> None:
    assert score("") == 0
    assert score("password") == 0
    assert score("correct horse battery staple") == 4


def test_a_text_made_to_be_slow_is_not() -> None:
    began = time.process_time()
    score("4@8({[<369&#!1/|0$5+7%2zaeiost19" * 30)
    assert time.process_time() - began < 2
