"""Byte-pair encoding: nothing is lost, and the same text teaches the same merges."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.core.tokenization import BPETokenizer, merges
from tinytorch.core.tokenization.alphabet import BYTES, DIGITS, END, SIGNS, bytes_of, pieces, symbols
from tinytorch.core.tokenization.merges import join_by_rank, learned_merges
from tinytorch.errors import DataError, DTypeError, RangeError

modestly = settings(deadline=None, derandomize=True, max_examples=150, database=None)

CORPUS = ["the cat sat on the mat, the cat's hat", "naïve café: 3 cats — ½ of them…\n\tsat", "a  b   c"]
ANY_TEXT = st.text(st.characters(), max_size=60)
SPACED = st.text(st.sampled_from("ab '<>/w_1é½\n\t  "), max_size=40)


@pytest.fixture(scope="module")
def trained():
    """Give a tokenizer with a few merges."""
    tokenizer = BPETokenizer(vocab_size=120)
    tokenizer.train(CORPUS)
    return tokenizer


@modestly
@given(ANY_TEXT | SPACED)
def test_every_text_comes_back_exactly(trained, text):
    """Any Unicode text, in any script, with any spaces, whether or not training saw it."""
    assert trained.decode(trained.encode(text)) == text


@modestly
@given(ANY_TEXT)
def test_nothing_is_lost_without_training(text):
    """The digits of bytes alone can spell everything."""
    tokenizer = BPETokenizer(vocab_size=1)
    assert tokenizer.decode(tokenizer.encode(text)) == text


@modestly
@given(st.lists(ANY_TEXT | SPACED, min_size=1, max_size=4), st.integers(1, 90))
def test_a_text_that_taught_the_merges_comes_back_too(corpus, vocab_size):
    """However few ids there may be, and whatever was merged."""
    tokenizer = BPETokenizer(vocab_size)
    tokenizer.train(corpus)
    assert [tokenizer.decode(tokenizer.encode(text)) for text in corpus] == corpus
    assert tokenizer.vocab_size <= max(vocab_size, 18)


def test_a_lone_surrogate_comes_back():
    """Python's texts can hold what UTF-8 may not; files of JSON bring such texts."""
    tokenizer = BPETokenizer()
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ud800b"


@modestly
@given(ANY_TEXT | SPACED)
def test_pieces_are_the_text_and_one_space(text):
    """No character falls between two pieces, and an empty text has none."""
    assert "".join(pieces(text)) == (text + " " if text else "")


@modestly
@given(ANY_TEXT)
def test_symbols_stand_for_the_bytes_of_their_piece(text):
    """The printable alphabet can be read back."""
    read = [b"".join(bytes_of(symbol) for symbol in symbols(piece)) for piece in pieces(text)]
    assert b"".join(read).decode("utf-8", "surrogatepass") == (text + " " if text else "")


def test_every_byte_has_a_printable_sign_of_its_own():
    """None of them is `<`, with which marks and names begin, and none is white space."""
    assert len(set(SIGNS)) == len(BYTES) == 256
    assert all(sign.isprintable() and not sign.isspace() and sign != "<" for sign in SIGNS)


def test_a_word_ends_with_its_mark():
    """What users' code calls to look at a word: characters, and `</w>` on the last."""
    assert BPETokenizer()._get_word_tokens("hello") == ["h", "e", "l", "l", "o</w>"]


def test_pairs_are_a_set_of_neighbours():
    """What users' code calls to look at pairs."""
    expected = {("h", "e"), ("e", "l"), ("l", "l"), ("l", "o</w>")}
    assert BPETokenizer()._get_pairs(["h", "e", "l", "l", "o</w>"]) == expected


def test_ids_are_plain_ints_and_the_vocabulary_has_unk(trained):
    """As users' code expects."""
    assert {type(number) for number in trained.encode("the cat")} == {int}
    assert trained.vocab[0] == "<UNK>"
    assert trained.token_to_id["<UNK>"] == 0


def test_the_maps_are_each_others_inverse(trained):
    """Ids are 0 to `vocab_size`, without gaps."""
    assert [trained.id_to_token[trained.token_to_id[token]] for token in trained.vocab] == trained.vocab
    assert sorted(trained.id_to_token) == list(range(trained.vocab_size))


def test_ids_put_together_by_hand_decode_with_spaces_between_words():
    """The mark is a space between words, and nothing after the last."""
    tokenizer = BPETokenizer(200)
    tokenizer.train(["hello world"])
    hello, world = (tokenizer.token_to_id[word] for word in ("hello</w>", "world</w>"))
    assert tokenizer.decode([hello, world]) == "hello world"


def test_two_texts_joined_have_a_space_between(trained):
    """So the documentation says."""
    assert trained.decode(trained.encode("the") + trained.encode("cat")) == "the cat"


def test_merges_with_a_space_fire_when_encoding():
    """Training and encoding cut a text alike: of `the the the` nothing smaller than words is left."""
    tokenizer = BPETokenizer(100)
    tokenizer.train(["the the the"])
    assert [tokenizer.id_to_token[i] for i in tokenizer.encode("the the")] == ["the</w>", "the</w>"]


def test_a_pair_twice_in_a_word_counts_twice():
    """`abab` holds (a, b) twice, which beats (x, y) in three words."""
    assert learned_merges({("a", "b", "a", "b"): 2, ("x", "y"): 3}, 1, 1) == [("a", "b")]


def test_of_equally_frequent_pairs_the_first_in_order_is_joined():
    """Not the first that a dictionary happens to name."""
    assert learned_merges({("z", "y"): 1, ("c", "d"): 1, ("a", "x"): 1}, 2, 1) == [("a", "x"), ("c", "d")]


def test_a_pair_too_rare_is_not_joined():
    """`min_frequency` bounds what is learned."""
    tokenizer = BPETokenizer(500)
    tokenizer.train("ab ab cd", min_frequency=2)
    assert tokenizer.merges == [("a", "b</w>")]


def naive_merges(words, at_most):
    """Count every pair anew for each merge."""
    words = {tuple(word): count for word, count in words.items()}
    found = []
    while len(found) < at_most:
        counts = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                counts[pair] += count
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        found.append(best)
        words = {naive_join(word, best): count for word, count in words.items()}
    return found


def naive_join(word, pair):
    """Join from left to right."""
    made, position = [], 0
    while position < len(word):
        both = word[position : position + 2] == pair
        made.append("".join(pair) if both else word[position])
        position += 1 + both
    return tuple(made)


WORDS = st.dictionaries(st.text("abc", min_size=1, max_size=9).map(tuple), st.integers(1, 5), max_size=8)


@modestly
@given(WORDS)
def test_counts_kept_up_to_date_give_what_counting_anew_gives(words):
    """Incremental counts are an economy, not another algorithm. Words that become equal may merge in the naive one."""
    distinct = {(*word, str(number)): count for number, (word, count) in enumerate(words.items())}
    assert learned_merges(distinct, 12, 1) == naive_merges(distinct, 12)


@modestly
@given(st.text("abc", max_size=30), WORDS)
def test_joining_by_rank_is_applying_the_merges_one_after_the_other(word, words):
    """With a heap, but the same symbols."""
    merges = learned_merges(words, 12, 1)
    expected = tuple(word)
    for pair in merges:
        expected = naive_join(expected, pair)
    assert tuple(join_by_rank(word, {pair: rank for rank, pair in enumerate(merges)})) == expected


def test_merges_do_not_depend_on_the_order_of_hashes():
    """Two processes that hash strings differently learn the same."""
    probe = "from tinytorch import BPETokenizer as B; t = B(90); t.train('to be or not to be, that is the question'); "
    command = [sys.executable, "-c", probe + "print(t.merges, t.vocab)"]
    settings = [os.environ | {"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"} for seed in ("1", "2")]
    said = {subprocess.run(command, env=env, capture_output=True, check=True).stdout for env in settings}
    assert len(said) == 1


def test_a_merge_touches_the_words_that_hold_its_pair(monkeypatch):
    """And no others: of 2,000 words of random letters, a merge rewrites fewer than a tenth."""
    rng = random.Random(0)  # noqa: S311  letters, not secrets
    words = {tuple(rng.choices("abcdefghijklmnop", k=8)): 1 for _ in range(2000)}
    rewritten = Counter()
    join = merges._joined
    monkeypatch.setattr(merges, "_joined", lambda word, pair: rewritten.update([pair]) or join(word, pair))
    found = learned_merges(words, 100, 1)
    assert list(rewritten) == found
    assert max(rewritten.values()) < len(words) / 10


def test_a_long_piece_is_encoded_once_and_kept(trained, monkeypatch):
    """A word that comes again is looked up."""
    trained.encode("unheard-of")
    calls = []
    monkeypatch.setattr(trained, "_apply_merges", lambda tokens: calls.append(tokens) or list(tokens))
    trained.encode("unheard-of")
    assert calls == []


def test_the_cache_does_not_grow_without_end(monkeypatch):
    """Text of ever new words must not fill the memory."""
    monkeypatch.setattr("tinytorch.core.tokenization.bpe.CACHED_PIECES", 10)
    tokenizer = BPETokenizer()
    tokenizer.encode(" ".join(map(str, range(100))))
    assert len(tokenizer._cache) <= 10


@pytest.mark.parametrize("vocab_size", [1, 18, 20, 50, 300])
def test_the_vocabulary_is_as_large_as_it_says(vocab_size):
    """At most what was asked for, except that the 18 fixed tokens are always there."""
    tokenizer = BPETokenizer(vocab_size)
    tokenizer.train(CORPUS)
    assert tokenizer.vocab_size == len(tokenizer.vocab) <= max(vocab_size, 18)


def test_a_small_vocabulary_learns_merges_all_the_same():
    """Examples with 50 ids show merges."""
    tokenizer = BPETokenizer(vocab_size=50)
    tokenizer.train(["hello world", "hello there"])
    assert tokenizer.merges[0] == ("h", "e")
    assert "hello</w>" in tokenizer.vocab


def test_the_size_given_to_train_comes_first():
    """It is the one said last."""
    tokenizer = BPETokenizer(vocab_size=1000)
    tokenizer.train(CORPUS, vocab_size=60)
    assert tokenizer.vocab_size == 60


def test_training_again_starts_afresh(trained):
    """Nothing of an earlier corpus stays."""
    tokenizer = BPETokenizer(120)
    tokenizer.train(["something else"])
    tokenizer.train(CORPUS)
    assert (tokenizer.vocab, tokenizer.merges) == (trained.vocab, trained.merges)


def test_a_byte_without_a_token_is_spelled_by_its_digits():
    """Unseen signs cost tokens, not information."""
    tokenizer = BPETokenizer(60)
    tokenizer.train(["abc"])
    assert [tokenizer.id_to_token[i] for i in tokenizer.encode("z")] == ["<7>", "<a>", END]


def test_digits_that_spell_no_byte_are_shown_as_broken(trained):
    """A model may write anything; decoding it does not fail."""
    seven = trained.token_to_id[DIGITS[7]]
    a = trained.token_to_id["a"]
    assert (trained.decode([seven]), trained.decode([seven, a])) == ("\ufffd", "\ufffda")


def test_ids_beyond_the_vocabulary_are_shown_as_unknown(trained):
    """Neither an exception nor silence."""
    assert trained.decode([10**6, trained.token_to_id["<UNK>"]]) == "<UNK><UNK>"


@pytest.fixture
def with_specials():
    """Give a tokenizer that knows two special tokens."""
    tokenizer = BPETokenizer(150, special_tokens=["<eos>", "<pad>"])
    tokenizer.train([*CORPUS, "<eos> <eos>"])
    return tokenizer


def test_text_makes_no_special_token_unless_asked(with_specials):
    """What users write cannot end a sequence."""
    plain, special = (with_specials.encode("a<eos>b", special=choice) for choice in (False, True))
    eos = with_specials.token_to_id["<eos>"]
    assert (eos in plain, eos in special) == (False, True)
    assert [with_specials.decode(ids) for ids in (plain, special)] == ["a<eos>b", "a<eos>b"]


@modestly
@given(st.lists(st.sampled_from(["a ", " b", "<eos>", "<pad>", " ", "the"]), max_size=8).map("".join))
def test_texts_with_special_tokens_come_back_exactly(text):
    """Spaces before and after a special token are kept."""
    tokenizer = BPETokenizer(150, special_tokens=["<eos>", "<pad>"])
    tokenizer.train(CORPUS)
    assert tokenizer.decode(tokenizer.encode(text, special=True)) == text


@pytest.mark.parametrize("name", ["eos", "<UNK>", "<a>", "</w>", "<>", "<a<b>"])
def test_a_special_token_must_be_a_name_in_brackets(name):
    """And none of the tokenizer's own, so that tokens are never mistaken."""
    with pytest.raises(RangeError, match="special token must be a name in angle brackets"):
        BPETokenizer(special_tokens=[name])


def test_a_special_token_named_twice_is_refused():
    """One name, one id."""
    with pytest.raises(RangeError, match="named once"):
        BPETokenizer(special_tokens=["<eos>", "<eos>"])


def test_a_saved_tokenizer_encodes_alike(with_specials, tmp_path):
    """The file holds all that encoding needs."""
    with_specials.save(tmp_path / "bpe.json")
    loaded = BPETokenizer.load(tmp_path / "bpe.json")
    text = "the cats <eos> ½ sat\n"
    assert loaded.vocab == with_specials.vocab
    assert loaded.encode(text, special=True) == with_specials.encode(text, special=True)


DAMAGES = {
    "another class": {"tokenizer": "CharTokenizer"},
    "another version": {"version": 2},
    "a merge of nothing": {"merges": [["q", "q"]]},
    "a merge of three": {"merges": [["t", "h", "e"]]},
    "a merge of numbers": {"merges": [[1, 2]]},
    "no merges": {"merges": None},
    "a symbol that is no byte": {"symbols": ["th"]},
    "a size below 1": {"vocab_size": 0},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_file_that_is_no_such_tokenizer_is_refused(trained, tmp_path, damage):
    """Every part is checked before anything is made of it."""
    path = tmp_path / "bpe.json"
    trained.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(DataError, match=r"the tokenizer must be .*bpe\.json"):
        BPETokenizer.load(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{", b"null"])
def test_a_file_of_anything_else_is_refused(tmp_path, content):
    """With its place."""
    path = tmp_path / "bpe.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"the tokenizer must be .*bpe\.json"):
        BPETokenizer.load(path)


@pytest.mark.parametrize("size", [0, -1, 1.5, True])
def test_a_size_must_be_a_whole_number_above_0(size):
    """For the constructor and for training."""
    with pytest.raises(RangeError, match="vocab_size must be a whole number above 0"):
        BPETokenizer(size)
    with pytest.raises(RangeError, match="vocab_size must be a whole number above 0"):
        BPETokenizer().train(CORPUS, vocab_size=size)


def test_a_corpus_of_something_else_is_refused():
    """The place is named."""
    with pytest.raises(DTypeError, match=r"the corpus must be made of texts; got bytes — at corpus\[1\]"):
        BPETokenizer().train(["a", b"b"])
