# shellcheck shell=bash
# What every sanitized program is told. Reports go to files, since a test may throw away or expect what a program writes, and since
# Criterion's children end without a word: any file is a finding. SLOW stretches the bounds of the tests, which are for plain builds.
# sanitized REPORTS: REPORTS is the beginning of a path, for all programs started from here on
sanitized() {
    local reports
    reports=$(realpath -m "$1")
    mkdir -p "$(dirname "$reports")"
    rm -f "$reports".*
    export ASAN_OPTIONS=detect_leaks=1:log_path=$reports${ASAN_MORE:+:$ASAN_MORE} UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:log_path=$reports
    local suppressions
    suppressions=$(realpath tests/sanitize/tsan.suppressions)
    export TSAN_OPTIONS="log_path=$reports:ignore_noninstrumented_modules=1:suppressions=$suppressions"
    export SLOW=${SLOW:-4} TREE_END=TERM       # a daemon that is killed cannot say what it leaks
}
# reports REPORTS [units]: prints the beginning of each; fails if there is one. units: each unit test is a process that Criterion ends, and may
# leave to the system what the test itself allocated, as Criterion does; what daemon/ allocated is a leak there too.
reports() {
    local f found=0
    for f in "$1".*; do
        # a thread that could not be stopped in time for the leak check is said in a file too, and is no finding
        if [ ! -e "$f" ] || ! grep -qv 'was not suspended. False leaks are possible' "$f" || { [ "${2:-}" = units ] && leaks_of_tests_only "$f"; }; then continue; fi
        found=$((found + 1))
        echo "$f"
        head -n 30 "$f"
    done
    return $((found > 0))
}
leaks_of_tests_only() {
    awk '/ERROR: / { if (/ERROR: LeakSanitizer/) leaks = 1; else other = 1 }
        /runtime error/ { other = 1 }
        / leak of / { open = 1 }
        open && / (daemon|tests)\// { open = 0; if (/ daemon\//) other = 1 }
        END { exit other || !leaks }' "$1"
}
