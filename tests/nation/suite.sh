# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
# One province of the real divisions, 176 units, twice: the same seed gives the same day. The whole country is `make nation`.
nation() {
    check nation/province-twice 120 "$BUILD/nation" -f 1 -p 410000 -2 deploy/data/divisions-china.tsv
    check nation/municipality 60 "$BUILD/nation" -f 2 -p 500000 deploy/data/divisions-china.tsv
}
