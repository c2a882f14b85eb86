# For the system tests: source it with the build folder as $1. Real daemons, real sockets, through linzhangctl.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../deploy/tree.sh"
fail() { echo "FAILED: $*"; for u in "${!tree_pid[@]}"; do echo "--- $u"; tail -n 3 "$tree_work/$u/log"; done; exit 1; }
tree_begin "$(basename "$0")" "${1:-build}"
P=410000 C=410800 K1=410882 K2=410883
# The usual four: province, city, two counties; everything enrolled and live.
four_up() {
    tree_node $P - feeds.subscribe=progress feeds.rollup_ms=200 && tree_node $C $P feeds.rollup_ms=200 && tree_node $K1 $C feeds.rollup_ms=200 && tree_node $K2 $C feeds.rollup_ms=200 || fail "configuration"
    for u in $P $C $K1 $K2; do tree_start $u || fail "start of $u"; done
    tree_enrol $P $C && tree_enrol $C $K1 && tree_enrol $C $K2 || fail "child add"
    until_true 20 "all live" live $C 3
    until_true 20 "counties live" live $K1 1
    until_true 20 "counties live" live $K2 1
}
issue() { json "$@" | jq -re '[.. | .id? // empty][0]' || fail "refused: $*"; }      # UNIT task issue ...: its id
holds() { [ "$(count_of "$1" "$2")" = "$3" ]; }                                        # UNIT KIND N
verified() { for u in "$@"; do ctl "$u" verify >"$tree_work/$u/verify" 2>&1 || fail "verify at $u: $(cat "$tree_work/$u/verify")"; done; }
# progress_tsv FILE TASK N FROM: N reports
progress_tsv() { awk -v t="$2" -v n="$3" -v from="$4" -v day="$(date +%F)" 'BEGIN { OFS = "\t"; print "task", "as_of", "num", "den", "text"; for (i = 0; i < n; i++) print t, day, (from + i) % 1000, 1000, "第" from + i "次上报" }' >"$1"; }
