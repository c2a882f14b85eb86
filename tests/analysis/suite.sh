# shellcheck shell=bash  # sourced by tests/run, which has `check`, BUILD and out
analysis() {
    check analysis/hardening 60 tests/analysis/hardening "$BUILD"
    check analysis/shellcheck 60 tests/analysis/static shellcheck "$BUILD"
    check analysis/cppcheck 120 tests/analysis/static cppcheck "$BUILD"
    check analysis/gcc-analyzer 300 tests/analysis/static analyzer "$BUILD"
    check analysis/clang-tidy 900 tests/analysis/static clang-tidy "$BUILD"
}
cover() { check analysis/branches 600 tests/analysis/coverage "$BUILD/cover" "${PERCENT:-95}"; }
