# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
hostile() { for t in tests/hostile/t_*; do [ -x "$t" ] && check "hostile/$(basename "$t")" 300 "$t" "$BUILD"; done; }
