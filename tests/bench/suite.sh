# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
# Whether everything that is measured can be: figures are those of `make bench`.
bench() { check bench 90 "$BUILD/bench/run" "$BUILD/linzhangd" "$BUILD/bench/trial" "$BUILD/bench/trial.tsv" 1000 1 none; }
