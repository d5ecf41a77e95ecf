"""From a device's point to a tag: by its span, or by its unit."""

import pytest

from devices.instruments import PROFILES
from gateway.config.loading import load
from gateway.config.scaling import span_line, tag_line
from gateway.paths import belfast_config


@pytest.mark.parametrize(("point", "tag"), [(4.0, 0.0), (12.0, 50.0), (20.0, 100.0), (3.6, -2.5)])
def test_a_span_is_a_line_through_both_its_ends(point: float, tag: float):
    gain, offset = span_line(((4.0, 20.0), (0.0, 100.0)))
    assert point * gain + offset == pytest.approx(tag)


def test_a_tag_with_a_span_follows_it_and_one_without_follows_its_unit():
    tags, drive = load(belfast_config()).tags, PROFILES["abb_acs580"]
    assert tag_line(tags["ST-1011"], drive) == (4.0, 0.0)           # 100 % are 400 rpm
    assert tag_line(tags["ST-301"], drive) == (1.0, 0.0)            # % both
