# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
# The corpus of each target, and five seconds more of each, two at a time; the log has the runs of each.
fuzz() {
    check fuzz/every-gate 200 env BUILD="$BUILD/fuzz" tests/fuzz/run 24
    sed -n '/^fuzz [a-z]* /s/^/       /p' "$out/fuzz_every-gate.log"
}
