"""The one helper that announces the end of a public name."""

import pytest

from reldyn._deprecation import warn_deprecated


def old_function():
    warn_deprecated("rd.old_function", since="1.9", replacement="rd.new_function")


def test_the_message_names_replacement_and_end_and_the_callers_line():
    with pytest.warns(FutureWarning) as caught:
        old_function()
    (warning,) = caught
    assert str(warning.message) == (
        "rd.old_function is deprecated since reldyn 1.9 and goes away in 1.11: write rd.new_function instead."
    )
    assert warning.filename == __file__


def test_a_deeper_call_can_still_name_the_users_line():
    def inner():
        warn_deprecated("rd.old", since="0.3", replacement="rd.new", stacklevel=3)

    def public():
        inner()

    with pytest.warns(FutureWarning, match="goes away in 0.5") as caught:
        public()
    line = public.__code__.co_firstlineno + 4
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)
