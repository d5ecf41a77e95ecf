"""A block in the image: its tags read the same wherever they stand there."""

from __future__ import annotations

import struct

import pytest

from devices.exchange import Reply
from devices.profile import Kind, Point, Profile, Table, Verified
from devices.quality import GOOD, UNCERTAIN_EU_EXCEEDED
from gateway.control.conversation import Binding, Conversation
from gateway.control.image import SECOND, Image, Now

POINTS = tuple(Point(f"v{k}", Table.INPUT, 2 * k, Kind.FLOAT32, low=0.0, high=100.0) for k in range(4))
DEVICE = Profile(name="four", maker="-", model="-", protocol="modbus", source="assumed", verified=Verified.ASSUMED, points=POINTS)
SAID = (20.0, 0.0, 101.0, 62.5)


@pytest.mark.parametrize("tags", [(0, 1, 2, 3), (1, 2, 3, 4), (3, 2, 1, 0), (0, 2, 1, 3), (5, 0, 3, 1)])
@pytest.mark.parametrize(("gain", "high"), [(1.0, None), (0.5, None), (1.0, 50.0), (2.0, 50.0)])
def test_every_tag_has_its_value_quality_and_times_and_no_other_tag_has_any(tags: tuple[int, ...], gain: float, high: float | None):
    image = Image([f"T{n}" for n in range(6)], [60 * SECOND] * 6)
    bindings = [Binding(point=f"v{k}", tag=tag, gain=gain, high=high) for k, tag in enumerate(tags)]
    talk = Conversation("D", DEVICE, image, bindings)
    for second in (1, 2):
        talk.beat(second * SECOND)
        request = talk.due(second * SECOND)
        assert request is not None
        talk.absorb(Reply(request, struct.pack(">4f", *SAID)), Now(second * SECOND + 7, second * SECOND + 9))
        for tag, said in zip(tags, SAID, strict=True):
            doubtful = said > 100.0 or (high is not None and gain * said > high)
            assert (image.value[tag], image.quality[tag]) == (gain * said, UNCERTAIN_EU_EXCEEDED if doubtful else GOOD)
            assert (image.asked[tag], image.seen[tag], image.source[tag]) == (second * SECOND, second * SECOND + 7, second * SECOND + 9)
    assert [image.seen[tag] for tag in range(6) if tag not in tags] == [0, 0]
