from portkey_mistral._wire.prefix import continued

ASK = {"role": "user", "content": "q"}


def prefix(text):
    return {"role": "assistant", "content": text, "prefix": True}


def test_the_text_so_far_becomes_the_prefix():
    body = {"model": "m", "messages": [ASK]}
    assert continued(body, "Half") == {"model": "m", "messages": [ASK, prefix("Half")]}
    assert body == {"model": "m", "messages": [ASK]}


def test_a_prefix_that_was_asked_for_is_continued_once():
    body = {"model": "m", "messages": [ASK, prefix("Once ")]}
    # Mistral repeats the prefix in its answer, other servers do not.
    for so_far in ("Once upon", "upon"):
        assert continued(body, so_far)["messages"] == [ASK, prefix("Once upon")]


def test_max_tokens_shrinks_by_what_was_received():
    body = {"model": "m", "messages": [ASK], "max_tokens": 100}
    assert continued(body, "x" * 30)["max_tokens"] == 90
    assert continued(body, "x" * 3000)["max_tokens"] == 1
