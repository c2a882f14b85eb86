# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
power() {
    check power/cuts 400 tests/power/t_cuts "$BUILD"
}
