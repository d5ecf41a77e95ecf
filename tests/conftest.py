"""What every test gets: hypothesis without a deadline, since wall time is asserted nowhere but in bench/."""

from hypothesis import settings

settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")
