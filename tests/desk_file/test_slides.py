"""Slides of a desk file."""

import pytest
from tests.desk_file.example import VALID, parsed

from flatbook.model.errors import FaultsError
from flatbook.model.parameters import USUAL_SLIDES, SlideTerms, SlideTime, VolShift

_SLIDE = '\n[[slide]]\nname = "one"\n'


def test_a_slide_is_read():
    text = (
        VALID
        + _SLIDE
        + 'moves_deviations = [-2, 2]\nshift = "tenor"\ntime = "next_day"\nshifts_points = [0]\n'
    )

    assert parsed(text).desk.slides == (
        SlideTerms(
            name="one",
            moves_deviations=(-2.0, 2.0),
            shifts_points=(0.0,),
            shift=VolShift.TENOR,
            time=SlideTime.NEXT_DAY,
        ),
    )


def test_without_any_the_usual_ones_are_shown():
    assert parsed(VALID).desk.slides == USUAL_SLIDES


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ("", "either"),
        ("moves_pct = [1]\nmoves_deviations = [1]\n", "either"),
        ("moves_pct = [-100]\n", "moves_pct"),
        ('moves_pct = [1]\ntime = "noon"\n', "noon"),
        ("moves_pct = [1]\nshifts_points = []\n", "shifts_points"),
        ("moves_pct = [1]\n" + _SLIDE + "moves_pct = [1]\n", "again"),
    ],
)
def test_what_cannot_be_meant_is_told(more, word):
    with pytest.raises(FaultsError) as raised:
        parsed(VALID + _SLIDE + more)

    (fault,) = raised.value.faults
    assert word in f"{fault.where} {fault.found} {fault.expected}"
