# shellcheck shell=bash  # sourced by tests/run, which has `check`, BUILD and out
models() { check models 300 tests/models/run; }
