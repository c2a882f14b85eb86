# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
power-asan() {
    check power/asan-every-7th-file-call-fails 300 tests/power/t_faults "$BUILD" io 7
    check power/asan-every-allocation-fails 300 tests/power/t_faults "$BUILD" alloc
}
power() {
    check power/cuts 900 tests/power/t_cuts "$BUILD" "${IMAGES:-17000}"
    check power/cuts-below-ext4 600 tests/power/t_block "$BUILD" "${CUTS:-300}"
    check power/every-file-call-fails 300 tests/power/t_faults "$BUILD" io
    check power/every-allocation-fails 300 tests/power/t_faults "$BUILD" alloc
    check power/a-running-daemon-fails 300 tests/power/t_daemon "$BUILD" 2
}
