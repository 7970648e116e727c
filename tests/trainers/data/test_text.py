import ast
import subprocess
import sys

import pytest
import torch

from trainers.data import text

SPLITS = ("train", "choose", "report")


@pytest.mark.parametrize("domain", text.DOMAINS)
@pytest.mark.parametrize("context", [1, 64, 100])
def test_windows_are_the_bytes_of_the_text_and_labels_follow_inputs(domain, context):
    found = text.windows(domain, context)
    assert set(found) == set(SPLITS)
    whole = bytes(text.read()[domain].tolist())
    for each in found.values():
        assert each.dtype == torch.int64 and each.shape[1] == context + 1
        assert 0 <= each.amin() and each.amax() < text.VOCABULARY
        for row in each[:: max(1, len(each) // 20)]:
            assert bytes(row.tolist()) in whole


@pytest.mark.parametrize("domain", text.DOMAINS)
def test_no_byte_is_in_two_splits_and_hardly_any_is_left_out(domain, monkeypatch):
    size = len(text.read()[domain])
    monkeypatch.setattr(text, "read", lambda: {domain: torch.arange(size)})  # every byte tells where it is
    seen = {split: set(each.flatten().tolist()) for split, each in text.windows(domain, 64).items()}
    assert not seen["train"] & seen["choose"] and not seen["train"] & seen["report"]
    assert not seen["choose"] & seen["report"]
    whole = len(set().union(*seen.values()))
    assert whole > 0.97 * (size - text.BLOCK)
    shares = {split: len(each) / whole for split, each in seen.items()}
    assert shares == pytest.approx({"train": 0.8, "choose": 0.1, "report": 0.1}, abs=0.03)


def test_the_domains_do_not_speak_alike():
    """Pairs of bytes, counted in one domain, surprise in another."""
    counts = {}
    for domain in text.DOMAINS:
        data = text.windows(domain, 64)
        pairs = {split: (data[split][:, :-1] * 256 + data[split][:, 1:]).flatten() for split in SPLITS}
        counts[domain] = pairs["train"].bincount(minlength=256**2).double() + 0.01, pairs["report"]
    prices = {
        (learnt, told): -(table / table.view(256, 256).sum(1).repeat_interleave(256)).log()[counts[told][1]].mean()
        for learnt, (table, _) in counts.items()
        for told in text.DOMAINS
    }
    for learnt in text.DOMAINS:
        for told in text.DOMAINS:
            if learnt != told:
                assert prices[learnt, told] > prices[told, told] + (0.3 if "code" in (learnt, told) else 0.1), (
                    learnt,
                    told,
                )


def test_docstrings_are_taken_out_of_the_code():
    source = '"""Of the module."""\nimport x\n\x0c\n\ndef f():\n    """Of f,\n    long."""\n    y = "no docstring"\n'
    source += '    return y\n\n\nclass Kind:\n    """Of Kind."""\n'
    code, words = text._apart(source)
    assert code == 'import x\n\x0c\n\ndef f():\n    y = "no docstring"\n    return y\n\n\nclass Kind:\n'
    assert words == "Of the module.\n\nOf f,\nlong.\n\nOf Kind."
    assert ast.get_docstring(ast.parse(source)) == "Of the module."


def test_the_text_is_the_same_in_another_process():
    program = "from trainers.data import text; print(text.fingerprint())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    text.read.cache_clear()
    text.fingerprint.cache_clear()
    assert told == text.fingerprint() and len(told) == 64


def test_the_fingerprint_is_of_the_content(monkeypatch):
    before, changed = text.fingerprint(), dict(text.read())
    changed["code"] = changed["code"].clone()
    changed["code"][1000] ^= 1
    monkeypatch.setattr(text, "read", lambda: changed)
    text.fingerprint.cache_clear()
    assert text.fingerprint() != before
    text.fingerprint.cache_clear()


def test_a_python_without_its_sources_is_one_clear_error(monkeypatch, tmp_path):
    text.read.cache_clear()
    monkeypatch.setattr(text, "_library", lambda: tmp_path)
    with pytest.raises(RuntimeError, match=r"text: expected the sources of Python's standard library .*argparse\.py"):
        text.read()


def test_a_python_without_its_reference_is_one_clear_error(monkeypatch):
    text.read.cache_clear()
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(RuntimeError, match="text: expected .*pydoc_data.topics"):
        text.read()


def test_a_wrong_domain_or_context_is_refused():
    with pytest.raises(ValueError, match=r"text domain: expected one of .*'prose'.* got 'verse'"):
        text.windows("verse", 64)
    with pytest.raises(ValueError, match="text context: expected 1 to 4095 bytes, got 4096"):
        text.windows("prose", 4096)
