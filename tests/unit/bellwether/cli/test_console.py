from bellwether.cli import console


def test_a_table_in_a_pipe_is_wide_enough_for_the_longest_topic_and_group(capsys):
    console.tables().print("news.article.published.v1 " * 5)
    assert len(capsys.readouterr().out.splitlines()) == 1
