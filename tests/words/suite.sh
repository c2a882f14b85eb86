# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
# Every text that people see has its English. While several hands add texts, some may come before their English.
words() {
    check words 60 env WORDS_ALLOWED="${WORDS_ALLOWED:-400}" tests/words/check "$BUILD"
    check words/planted 60 tests/words/planted "$BUILD"
}
