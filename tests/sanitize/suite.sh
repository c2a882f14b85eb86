# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
. tests/sanitize/options.sh
# sanitized_check NAME SECONDS COMMAND...: as check, and any report is a failure too
sanitized_check() {
    local name=$1 seconds=$2 before=$failed
    shift 2
    sanitized "$out/reports/${name//[\/,]/_}"
    check "$name" "$seconds" "$@"
    sanitized_end "$name" "$before"
}
sanitized_end() { # NAME FAILED-BEFORE [units]: a report is a failure even when what ran was content
    reports "$out/reports/${1//[\/,]/_}" "${3:-}" >"$out/reports.txt" && return
    if [ "$failed" = "$2" ]; then failed=$((failed + 1)) passed=$((passed - 1)); fi
    printf 'FAILED %-40s        reports of sanitizers\n' "$1"
    head -n 60 "$out/reports.txt" | sed 's/^/       | /'
}
# sanitized_units NAME...: Criterion programs by their names, one check each
sanitized_units() {
    local u before
    for u in "$@"; do
        before=$failed
        sanitized "$out/reports/sanitize_$u"
        check "sanitize/$u" 60 tests/sanitize/t_unit "$BUILD/tests/unit/$u"
        sanitized_end "sanitize/$u" "$before" units
    done
}
# The sample of `make test`; make asan runs everything.
sanitize() {
    memcheck
    local BUILD=$BUILD/asan
    (
        # shellcheck disable=SC2030
        passed=0 failed=0
        sanitized_check sanitize/control 60 tests/sanitize/t_control "$BUILD" overflow leak beyond freed
        sanitized_units test_store test_turn test_ctl
        for mix in crash,disk,net,clock,load crash,net,clock,restore,destroy all; do sanitized_check "sanitize/sim-$mix" 60 "$BUILD/sim" -n 30 -m $mix; done
        for t in t_receipts t_lost_store; do sanitized_check "sanitize/$t" 60 "tests/system/$t" "$BUILD"; done
        echo "$passed $failed" >"$out/sanitize.count"
    )
    local p=0 f=1
    # shellcheck disable=SC2031
    read -r p f <"$out/sanitize.count" && passed=$((passed + p)) failed=$((failed + f)) || failed=$((failed + 1))
}
# Everything in a sanitized build, which BUILD is. Left out: fuzz (sanitized anyway), lint, analysis and models (not run), mutants (of plain builds).
# The hostile ones measure memory: what is freed is held back but for a little, and they are allowed a factor for what the sanitizer adds to each block.
asan() {
    sanitized_check asan/control 60 tests/sanitize/t_control "$BUILD" overflow leak beyond freed
    local mix t hold
    for t in tests/unit/*.c; do sanitized_units "$(basename "$t" .c)"; done
    for mix in crash,disk,net,clock,load crash,net,clock,restore,destroy all; do sanitized_check "asan/sim-$mix" 600 "$BUILD/sim" -n 100 -m $mix; done
    sanitized_check asan/sim-mended 600 "$BUILD/sim" -n 40 -d
    sanitized_check asan/sim-bits 600 "$BUILD/sim" -b -n 150
    sanitized_check asan/sim-scenarios 600 "$BUILD/sim" -s all
    for t in tests/system/t_* tests/hostile/t_*; do
        case $t in tests/hostile/*) hold="quarantine_size_mb=8:thread_local_quarantine_size_kb=64" ;; *) hold="" ;; esac
        ASAN_MORE=$hold MEMORY_FACTOR=${hold:+4} sanitized_check "asan/$(basename "$t")" 300 "$t" "$BUILD"
    done
    sanitized_check asan/demo 120 deploy/demo "$BUILD"
    power-asan
}
tsan() {
    sanitized_check tsan/control 60 tests/sanitize/t_control "$BUILD" race
    local t
    for t in t_receipts t_escalation; do sanitized_check "tsan/$t" 60 "tests/system/$t" "$BUILD"; done
}
memcheck() { check valgrind/three-tiers 300 tests/sanitize/t_valgrind "$BUILD"; }
