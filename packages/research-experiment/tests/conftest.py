"""Property tests are the same every time, and are not timed."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "experiment", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("experiment")
