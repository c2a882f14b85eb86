# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
lint() { [ -x tests/lint/run ] && check lint 120 tests/lint/run "$BUILD"; }
