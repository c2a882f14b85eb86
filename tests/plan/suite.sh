# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
# The rows that have a story; `make plan` runs all 25.
plan() {
    local names=() f
    for f in tests/plan/item_?? tests/plan/safeguard_?; do [ ! -f "$f" ] || names+=("${f##*/}"); done
    check plan/t_plan 300 tests/plan/t_plan "$BUILD" "${names[@]}"
}
