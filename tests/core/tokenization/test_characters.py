"""One id a character, and what all tokenizers share."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.core.tokenization import (
    BPETokenizer,
    CharTokenizer,
    Tokenizer,
    analyze_tokenization,
    create_tokenizer,
    tokenize_dataset,
)
from tinytorch.errors import DataError, RangeError

modestly = settings(deadline=None, derandomize=True, max_examples=60, database=None)


@pytest.mark.parametrize("call", [lambda t: t.encode("a"), lambda t: t.decode([0]), lambda t: t.save("x")])
def test_the_base_can_be_made_but_does_nothing(call):
    """A subclass defines what it can do."""
    with pytest.raises(NotImplementedError, match="Tokenizer must define"):
        call(Tokenizer())


def test_the_vocabulary_begins_with_unk():
    """Its id is 0, and the size counts it."""
    tokenizer = CharTokenizer(["a", "b"])
    assert (tokenizer.vocab, tokenizer.vocab_size, tokenizer.unk_id) == (["<UNK>", "a", "b"], 3, 0)
    assert tokenizer.char_to_id == {"<UNK>": 0, "a": 1, "b": 2}
    assert tokenizer.id_to_char == {0: "<UNK>", 1: "a", 2: "b"}


def test_a_corpus_gives_its_characters_sorted():
    """Each once."""
    tokenizer = CharTokenizer()
    tokenizer.build_vocab(["ba", "cab"])
    assert tokenizer.vocab == ["<UNK>", "a", "b", "c"]


def test_an_unknown_character_is_0():
    """And decodes as <UNK>."""
    tokenizer = CharTokenizer(["a"])
    assert (tokenizer.encode("axa"), tokenizer.decode([1, 0, 9])) == ([1, 0, 1], "a<UNK><UNK>")


@modestly
@given(st.text(max_size=50))
def test_known_text_comes_back(text):
    """Whatever its characters."""
    tokenizer = CharTokenizer()
    tokenizer.build_vocab([text])
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_vocabulary_with_an_entry_twice_is_refused():
    """One of the two ids could never come out."""
    with pytest.raises(RangeError, match=r"without repetitions; got \['a'\]"):
        CharTokenizer(["a", "b", "a"])


def test_a_saved_vocabulary_comes_back(tmp_path):
    """As JSON, in ASCII."""
    CharTokenizer(["é", "\n"]).save(tmp_path / "c.json")
    assert CharTokenizer.load(tmp_path / "c.json").vocab == ["<UNK>", "é", "\n"]
    assert (tmp_path / "c.json").read_bytes().isascii()


def test_the_file_of_another_kind_is_refused(tmp_path):
    """A char vocabulary makes no BPE tokenizer."""
    CharTokenizer(["a"]).save(tmp_path / "c.json")
    with pytest.raises(DataError, match=r"BPETokenizer of version 1; got \('CharTokenizer', 1\)"):
        BPETokenizer.load(tmp_path / "c.json")


@pytest.mark.parametrize(("strategy", "kind"), [("char", CharTokenizer), ("bpe", BPETokenizer)])
@pytest.mark.parametrize("corpus", [None, ["hello world"], "hello world"])
def test_a_strategy_makes_its_tokenizer(strategy, kind, corpus):
    """Trained if there is a corpus; one text is a corpus too."""
    tokenizer = create_tokenizer(strategy, 60, corpus)
    assert type(tokenizer) is kind
    assert any("h" in token for token in tokenizer.vocab) == (corpus is not None)


def test_another_strategy_is_refused():
    """The two are named."""
    with pytest.raises(ValueError, match="strategy must be 'char' or 'bpe'; got word"):
        create_tokenizer("word")


def test_data_sets_are_cut_to_the_length():
    """Each text for itself."""
    tokenizer = CharTokenizer(["a", "b"])
    assert tokenize_dataset(["abab", "a"], tokenizer, max_length=2) == [[1, 2], [1]]
    assert tokenize_dataset(["abab", "a"], tokenizer) == [[1, 2, 1, 2], [1]]


def test_a_length_of_0_is_refused():
    """It would leave nothing."""
    with pytest.raises(RangeError, match="max_length"):
        tokenize_dataset(["a"], CharTokenizer(), max_length=0)


def test_an_analysis_counts_what_it_says():
    """Six figures."""
    found = analyze_tokenization(["ab", "abab"], CharTokenizer(["a", "b", "c"]))
    assert found == {
        "vocab_size": 4,
        "avg_sequence_length": 3.0,
        "max_sequence_length": 4,
        "total_tokens": 6,
        "compression_ratio": 1.0,
        "unique_tokens": 2,
    }


def test_an_analysis_of_nothing_divides_by_nothing():
    """All zero but the vocabulary."""
    found = analyze_tokenization([], CharTokenizer(["a"]))
    assert list(found.values()) == [2, 0.0, 0, 0, 0.0, 0]
