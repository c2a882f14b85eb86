# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
# The tests of the tests: every planted bug must be found.
mutants() { check mutants 900 make --no-print-directory BUILD="$BUILD" mutants; }
