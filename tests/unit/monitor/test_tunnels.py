from __future__ import annotations

from sidecar.monitor.tunnels import TunnelMeters, Tunnels
from sidecar.ring.record import PieceKind
from sidecar.telemetry.points import Buckets

UP, DOWN = PieceKind.TUNNEL_UP, PieceKind.TUNNEL_DOWN


def found(meters: TunnelMeters) -> dict[tuple[str, str], float]:
    """Values by last word of the metric's name, and direction."""
    values = {}
    for family in meters.families():
        for point in family.points:
            assert not isinstance(point.value, Buckets)
            values[family.instrument.name.rpartition(".")[2], point.attributes[0][1]] = point.value
    return values


def test_bytes_are_counted_by_direction_and_pieces_in_order_have_no_gap() -> None:
    meters = TunnelMeters()
    tunnels = Tunnels(meters)
    for exchange, kind, place, piece in [
        (1, UP, 0, b"abc"),
        (1, DOWN, 0, b"x"),
        (2, UP, 0, b"de"),
        (1, UP, 3, b"fgh"),
        (1, DOWN, 1, b""),
        (1, DOWN, 1, b"yz"),
    ]:
        tunnels.take(exchange, kind, place, piece)
    assert found(meters) == {("bytes", "up"): 8, ("bytes", "down"): 3}


def test_a_missing_piece_is_one_gap_and_what_follows_it_is_none() -> None:
    meters = TunnelMeters()
    tunnels = Tunnels(meters)
    tunnels.take(1, DOWN, 0, b"ab")
    tunnels.take(1, DOWN, 10, b"cd")
    tunnels.take(1, DOWN, 12, b"ef")
    assert found(meters) == {("bytes", "down"): 6, ("gaps", "down"): 1}


def test_a_tunnel_that_is_found_open_begins_with_a_gap() -> None:
    meters = TunnelMeters()
    Tunnels(meters).take(1, UP, 1 << 40, b"ab")
    assert found(meters) == {("bytes", "up"): 2, ("gaps", "up"): 1}


def test_one_that_has_ended_is_forgotten() -> None:
    tunnels = Tunnels(TunnelMeters())
    tunnels.take(1, UP, 0, b"ab")
    tunnels.take(2, UP, 0, b"ab")
    tunnels.finish(1)
    tunnels.finish(3)
    assert len(tunnels) == 1


def test_memory_is_bounded_and_the_one_silent_for_longest_goes_first() -> None:
    meters = TunnelMeters()
    tunnels = Tunnels(meters, most=2)
    tunnels.take(1, UP, 0, b"a")
    tunnels.take(2, UP, 0, b"a")
    tunnels.take(1, UP, 1, b"a")
    tunnels.take(3, UP, 0, b"a")
    assert len(tunnels) == 2
    tunnels.take(1, UP, 2, b"a")  # still known
    assert ("gaps", "up") not in found(meters)
    tunnels.take(2, UP, 1, b"a")  # forgotten
    assert found(meters)["gaps", "up"] == 1
