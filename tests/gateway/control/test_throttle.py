"""So many words a minute."""

from gateway.control.throttle import MINUTE_NS, Throttle


def test_what_is_too_much_is_kept_back_and_told_with_the_next_minute():
    few = Throttle(3)
    assert [few.let(k)[0] for k in range(5)] == [True, True, True, False, False]
    assert few.let(MINUTE_NS) == (True, 2)
    assert few.let(MINUTE_NS + 1) == (True, 0)
    assert few.let(3 * MINUTE_NS) == (True, 0)
