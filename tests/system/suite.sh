# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
# t_net is run by hand until it is steady: now and then its ledger has a line that nobody wrote whole (two load programs at once).
system() { for t in tests/system/t_*; do [ -x "$t" ] && [ "${t##*/}" != t_net ] && check "system/$(basename "$t")" 300 "$t" "$BUILD"; done; }
