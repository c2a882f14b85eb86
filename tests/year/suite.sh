# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
# A fortieth of the year; `make year` runs the whole.
year() { check year 120 tests/year/t_year "$BUILD" 40; }
