"""Hypothesis's profile: FUZZ_CASES in the environment asks for so many cases in all, new ones each time."""

from tests.fuzz.properties import load_profile

load_profile()
