"""Nature, as far as the leach line needs it: pure functions and slotted state, with `dt_s` as an argument and no clock."""
