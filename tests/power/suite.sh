# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
power() {
    check power/cuts 400 tests/power/t_cuts "$BUILD" "${IMAGES:-17000}"
    check power/every-file-call-fails 300 tests/power/t_faults "$BUILD" io
    check power/every-allocation-fails 300 tests/power/t_faults "$BUILD" alloc
}
