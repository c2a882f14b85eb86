# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
analysis() {
    check analysis/hardening 60 tests/analysis/hardening "$BUILD"
}
cover() { check analysis/branches 300 tests/analysis/coverage "$BUILD/cover" "${PERCENT:-95}"; }
