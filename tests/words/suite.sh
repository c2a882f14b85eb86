# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
# Every text that people see has its English, and each check finds what is planted for it. WORDS_ALLOWED=N: while texts come before their English.
words() {
    check words 60 env WORDS_ALLOWED="${WORDS_ALLOWED:-0}" tests/words/check "$BUILD"
    check words/planted 60 tests/words/planted "$BUILD"
}
