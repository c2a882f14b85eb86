# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
system() { for t in tests/system/t_*; do [ -x "$t" ] && check "system/$(basename "$t")" 300 "$t" "$BUILD"; done; }
