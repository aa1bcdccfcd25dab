"""Whatever a caller sends, an exchange is one line, and what the caller sent stays within its own field."""

from __future__ import annotations

import json
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.access_lines import lines

ANYTHING = st.binary(max_size=60)
NO_LINE_END = ANYTHING.map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b""))
COMBINED = re.compile(
    rb'127\.0\.0\.1 - - \[14/Nov/2023:22:13:20 \+0000\] "([ !#-~]*)" 200 20 "([ !#-~]*)" "([ !#-~]*)"\n'
)
ESCAPE = re.compile(rb"\\x([0-9A-F]{2})")


def unescaped(field: bytes) -> bytes:
    return ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), field)


@settings(max_examples=400, deadline=None)
@given(head=st.binary(max_size=300))
@example(head=b'GET / HTTP/1.1\r\nUser-Agent: a"\n127.0.0.1 - - "forged"\r\n\r\n')
@example(head=b"GET /\xe2\x80\xa8\xc2\x85 HTTP/1.1\r\nReferer: \x1b[2J\x0b\x0c\x1c\x1d\x1e\r\n\r\n")
def test_any_head_at_all_gives_one_line_of_printable_ascii(head: bytes) -> None:
    for line in lines(head):
        assert re.fullmatch(rb"[ -~]*\n", line)
        assert len(line.decode().splitlines()) == 1
    found, text = lines(head)
    assert len(json.loads(found)) == 19
    assert COMBINED.fullmatch(text)


@settings(max_examples=400, deadline=None)
@given(target=NO_LINE_END, referer=NO_LINE_END, agent=NO_LINE_END)
def test_a_text_line_gives_back_what_was_sent(target: bytes, referer: bytes, agent: bytes) -> None:
    head = b"GET /%b HTTP/1.1\r\nReferer: %b\r\nUser-Agent: %b\r\n\r\n" % (target, referer, agent)
    _, text = lines(head)
    match = COMBINED.fullmatch(text)
    assert match is not None
    assert unescaped(match[1]) == b"GET /%b HTTP/1.1" % target
    assert (unescaped(match[2]), unescaped(match[3])) == (referer.strip(b" \t"), agent.strip(b" \t"))


TEXT = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=40)


@settings(max_examples=400, deadline=None)
@given(target=TEXT, agent=TEXT)
def test_a_json_line_gives_back_text_that_was_sent(target: str, agent: str) -> None:
    found = json.loads(lines(f"GET /{target} HTTP/1.1\r\nUser-Agent: {agent}\r\n\r\n".encode())[0])
    assert (found["target"], found["user_agent"]) == (f"/{target}", agent.strip(" \t"))
