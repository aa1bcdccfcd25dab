from __future__ import annotations

import msgspec
import pytest

from sidecar.errors import BadReference, BadSnapshot, ShapeMismatch
from sidecar.profile.damage import DAMAGE, decode_part, refusing


def complaint(fault: BaseException) -> str:
    with pytest.raises(BadSnapshot) as caught, refusing(BadSnapshot, "a", "fields"):
        raise fault
    return str(caught.value)


class TestRefusing:
    @pytest.mark.parametrize("kind", DAMAGE)
    def test_damage_of_every_kind_is_the_one_error(self, kind: type[Exception]) -> None:
        assert complaint(kind("x")) == f"a: expected fields, got {kind.__name__}('x')"

    def test_the_error_itself_goes_through_as_it_is(self) -> None:
        assert complaint(BadSnapshot("b: other")) == "b: other"

    @pytest.mark.parametrize("kind", [BadReference, ShapeMismatch])
    def test_another_error_of_sidecar_keeps_its_words(self, kind: type[Exception]) -> None:
        assert complaint(kind("b: other")) == "b: other"

    def test_a_fault_that_is_no_damage_is_not_hidden(self) -> None:
        with pytest.raises(AssertionError), refusing(BadSnapshot, "a", "fields"):
            raise AssertionError


class TestPart:
    def test_its_fields_with_the_format(self) -> None:
        assert decode_part(msgspec.msgpack.encode({"format": 1, "a": 2}), "p", 1) == {"format": 1, "a": 2}

    def test_another_format_is_refused_by_the_name_of_its_field(self) -> None:
        with pytest.raises(BadReference) as caught:
            decode_part(msgspec.msgpack.encode({"version": 2}), "p", 1, "version")
        assert str(caught.value) == "p: expected version 1, got 2"
