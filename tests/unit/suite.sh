# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
# A Criterion program counts its own tests; a filter or a build that leaves none is a failure.
unit() {
    local bin log n p
    for src in tests/unit/*.c; do
        bin=$BUILD/tests/unit/$(basename "$src" .c)
        log=$out/$(basename "$bin").log
        timeout -k 5 120 "$bin" --jobs 2 >"$log" 2>&1 </dev/null
        local rc=$?
        n=$(sed -nE 's/.*Tested: ([0-9]+) .*/\1/p' "$log" | tail -n 1)
        p=$(sed -nE 's/.*Passing: ([0-9]+) .*/\1/p' "$log" | tail -n 1)
        n=${n:-0} p=${p:-0}
        if [ "$n" = 0 ] || { [ $rc != 0 ] && [ "$n" = "$p" ]; }; then n=$((n + 1)); fi
        passed=$((passed + p)) failed=$((failed + n - p))
        if [ "$n" = "$p" ]; then printf 'ok     %-40s        %s tests\n' "unit/$(basename "$bin")" "$n"
        else printf 'FAILED %-40s        %s of %s\n' "unit/$(basename "$bin")" $((n - p)) "$n"; grep -aE 'FAIL|CRASH|error|Assertion' "$log" | head -n 20 | sed 's/^/       | /'; fi
    done
}
