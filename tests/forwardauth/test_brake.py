from ostiary.forwardauth.machines import Brake, network
from tests.clock import FakeClock


def test_failures_are_let_through_in_a_burst_and_then_slowly(clock: FakeClock) -> None:
    brake = Brake(burst=3, per_second=0.5)
    for _ in range(3):
        assert brake.allows("192.0.2.1", clock.now())
        brake.failed("192.0.2.1", clock.now())
    assert not brake.allows("192.0.2.1", clock.now())
    assert brake.allows("192.0.2.2", clock.now())
    clock.advance(2)
    assert brake.allows("192.0.2.1", clock.now())
    brake.failed("192.0.2.1", clock.now())
    assert not brake.allows("192.0.2.1", clock.now())
    clock.advance(3600)
    for _ in range(3):
        brake.failed("192.0.2.1", clock.now())
    assert not brake.allows("192.0.2.1", clock.now())


def test_memory_is_bounded(clock: FakeClock) -> None:
    brake = Brake(burst=1, most=10)
    for number in range(1000):
        brake.failed(f"10.0.{number // 256}.{number % 256}", clock.now())
    assert len(brake._left) == 10


def test_one_visitor_is_one_network() -> None:
    assert network("192.0.2.1") == "192.0.2.1"
    assert network("::ffff:192.0.2.1") == "192.0.2.1"
    assert network("2001:db8:1:2:3:4:5:6") == network("2001:db8:1:2::") == "2001:db8:1:2::"
    assert network("2001:db8:1:3::") != network("2001:db8:1:2::")
    assert network("") == network("unix") == ""
