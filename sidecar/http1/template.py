"""Heads that differ from one seen before only in lines that are new with every request: ids, lengths, dates.

A caller that sends a trace id makes every head new, and a memo of whole heads never finds it. So the values
of such lines are cut out, and what remains (every other byte, and the names) is the key. The head found there
was parsed strictly when its template was first seen. Other values of visible ASCII in these places cannot
change how a line is read, and the three that mean something to us (content-length, traceparent, x-request-id)
are read by the functions that the strict parser uses; where one of them is odd, the strict parser is asked
for the whole. A property test holds both against each other.

Ids have one length and so, mostly, have the heads of one caller. So first it is tried whether the values lie
where they lay in the last head of this length; only where not are the lines searched for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sidecar.http1.fields import parse_length
from sidecar.http1.memo import MAX_KEY_BYTES, HeadMemo
from sidecar.http1.request import REWRITTEN, RequestHead, parse_request_head, read_request_id
from sidecar.http1.rules import RequestRules
from sidecar.http1.syntax import VISIBLE
from sidecar.http1.trace import parse_traceparent

_CHANGING = (
    rb"(?i:traceparent|tracestate|x-request-id|content-length|x-correlation-id|x-amzn-trace-id|b3|"
    rb"x-b3-traceid|x-b3-spanid|x-b3-parentspanid|ce-id|ce-time|idempotency-key|seldon-puid)"
)
_VOLATILE = re.compile(rb"\r\n(" + _CHANGING + rb": ?)([!-~]+)(?=\r\n)")
_ANY_VOLATILE = re.compile(rb"\r\n(" + _CHANGING + rb"):")  # also one whose value was not cut out
_LENGTH, _TRACE, _ID = b"content-length", b"traceparent", b"x-request-id"

Key = tuple[tuple[bytes, ...], tuple[bytes, ...]]


class RequestHeads:
    """Reads request heads: whole heads seen before, then templates, then the strict parser.

    Args:
        rules: what holds for every request.

    Attributes:
        memo: whole heads; looked into directly on the hot path.
    """

    def __init__(self, rules: RequestRules) -> None:
        self.memo: HeadMemo[bytes, RequestHead] = HeadMemo()
        self._templates: HeadMemo[Key, Template] = HeadMemo()
        self._cuts: HeadMemo[int, Cuts] = HeadMemo()  # by the length of the head
        self._rules = rules

    def read(self, raw: bytes) -> RequestHead:
        """The head that these bytes are.

        Args:
            raw: from the first byte to the empty line, both included.

        Raises:
            WireError: as `parse_request_head`.
        """
        head = self.memo.find(raw)
        if head is not None:
            return head
        if len(raw) > MAX_KEY_BYTES:
            return parse_request_head(raw, self._rules)
        cuts = self._cuts.find(len(raw))
        values = None if cuts is None else cuts.values(raw)
        if cuts is not None and values is not None:
            head = cuts.template.fill(raw, values)
            if head is not None:
                return self._kept(raw, head, cuts.template)
        return self._search(raw)

    def _search(self, raw: bytes) -> RequestHead:
        """The head, by the lines whose values change."""
        parts = _VOLATILE.split(raw)
        key = (tuple(parts[0::3]), tuple(parts[1::3]))
        template = self._templates.find(key)
        if template is not None:
            self._cuts.keep(len(raw), Cuts(template, parts))
        head = None if template is None else template.fill(raw, parts[2::3])
        if head is None:
            head = parse_request_head(raw, self._rules)
            if template is None and len(parts) > 1:
                self._learn(key, raw, head)
        return self._kept(raw, head, template)

    def _kept(self, raw: bytes, head: RequestHead, template: Template | None) -> RequestHead:
        if template is None or template.may_repeat:
            self.memo.keep(raw, head)
        return head

    def _learn(self, key: Key, raw: bytes, head: RequestHead) -> None:
        names = _names(key[1])
        found = _ANY_VOLATILE.findall(raw.lower())
        if len(set(found)) < len(found):
            return  # a repeated line means something else than one, wherever it stands: always parsed
        forwarded = Pattern.of(head.forwarded, names, REWRITTEN)
        recorded = Pattern.of(head.recorded, names, self._rules.redacted)
        if forwarded is not None and recorded is not None:
            self._templates.keep(key, Template(head, names, forwarded, recorded, head.recorded == raw))


class Pattern:
    """Bytes with places for some of a head's values.

    Args:
        parts: texts, with a value of the first head at every odd place.
        places: which of the head's values belongs at each of these.
    """

    __slots__ = ("_parts", "_places")

    def __init__(self, parts: list[bytes], places: list[int]) -> None:
        self._parts = parts
        self._places = places

    @classmethod
    def of(cls, made: bytes, names: list[bytes], dropped: frozenset[bytes]) -> Pattern | None:
        """The pattern of what was made from a head, or None when its lines are not the expected ones.

        Args:
            made: bytes made from the head's lines.
            names: the head's changing lines, lower case.
            dropped: which of them are not in `made`.
        """
        places = [place for place, name in enumerate(names) if name not in dropped]
        split = _VOLATILE.split(made)  # text, name, value, text, name, value, ..., text
        if _names(split[1::3]) != [names[place] for place in places]:
            return None
        parts = [split[0]]
        for name, value, text in zip(split[1::3], split[2::3], split[3::3], strict=True):
            parts[-1] += b"\r\n" + name
            parts += [value, text]
        return cls(parts, places)

    def fill(self, values: list[bytes]) -> bytes:
        """The bytes with other values.

        Args:
            values: all of a head's changing values, in order.
        """
        parts = self._parts.copy()
        parts[1::2] = [values[place] for place in self._places]
        return b"".join(parts)


class Template:
    """A head that was parsed strictly, and where its changing values lie.

    Attributes:
        may_repeat: only the length changes, so the same head may come again.
    """

    __slots__ = ("_forwarded", "_head", "_id", "_length", "_recorded", "_records_all", "_trace", "may_repeat")

    def __init__(
        self, head: RequestHead, names: list[bytes], forwarded: Pattern, recorded: Pattern, records_all: bool
    ) -> None:
        self._head = head
        self._length, self._trace, self._id = (
            names.index(name) if name in names else -1 for name in (_LENGTH, _TRACE, _ID)
        )
        self._forwarded = forwarded
        self._recorded = recorded
        self._records_all = records_all  # no credentials in it: the ring gets it as it came
        self.may_repeat = names == [_LENGTH]

    def fill(self, raw: bytes, values: list[bytes]) -> RequestHead | None:
        """The head with other values, or None when the strict parser must decide.

        Args:
            raw: the head.
            values: its changing values, in order.
        """
        head = self._head
        length = head.body_length
        if self._length >= 0:
            declared = parse_length(values[self._length])
            if declared is None or declared > head.policy.body_bytes or (declared == 0) is not (length == 0):
                return None  # whether there is a body decides over more than its length
            length = declared
        return RequestHead(
            head.method,
            head.target,
            length,
            head.keep_alive,
            head.says_keep_alive,
            head.chunks_allowed,
            head.is_head,
            head.idempotent,
            head.expects_continue,
            self._forwarded.fill(values),
            head.forwarded_for,
            head.request_id if self._id < 0 else read_request_id(values[self._id : self._id + 1]),
            head.parent if self._trace < 0 else parse_traceparent(values[self._trace : self._trace + 1]),
            raw if self._records_all else self._recorded.fill(values),
            head.policy,
            head.upgrade,
        )


class Cuts:
    """Where a template's values lie in heads of one length.

    Args:
        template: of these heads.
        parts: one of them, as it was split: text, name, value, text, name, value, ..., text.

    Attributes:
        template: as given.
    """

    __slots__ = ("_texts", "_values", "template")

    def __init__(self, template: Template, parts: list[bytes]) -> None:
        self.template = template
        self._texts: list[tuple[int, int, bytes]] = []
        self._values: list[tuple[int, int]] = []
        end = 0
        for text, name, value in zip(parts[0::3], parts[1::3], parts[2::3], strict=False):
            constant = text + b"\r\n" + name
            begin = end + len(constant)
            self._texts.append((end, begin, constant))
            end = begin + len(value)
            self._values.append((begin, end))
        self._texts.append((end, end + len(parts[-1]), parts[-1]))

    def values(self, raw: bytes) -> list[bytes] | None:
        """A head's changing values, in order; None when it is not of this template.

        Args:
            raw: of the same length as the head that was split.
        """
        for begin, end, text in self._texts:
            if raw[begin:end] != text:
                return None
        values = [raw[begin:end] for begin, end in self._values]
        return None if b"".join(values).translate(None, VISIBLE) else values


def _names(marks: Sequence[bytes]) -> list[bytes]:
    """Lower-case names of lines of which `Name: ` was cut out."""
    return [mark.rstrip(b": ").lower() for mark in marks]
