# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
growth() { check growth/100000-records 120 "$BUILD/growth" 100000 "$out/growth.tsv"; }
