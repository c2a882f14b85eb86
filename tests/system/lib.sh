# shellcheck shell=bash
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
# The tree of the demo: a province, a city, its eleven units below; everything enrolled and live.
counties=(410802 410803 410804 410811 410821 410822 410823 410825 410871 410882 410883)
thirteen=($P $C "${counties[@]}")
thirteen_up() { # [CONFIG LINES]...
    local u
    for u in "${thirteen[@]}"; do
        case $u in $P) tree_node $u - feeds.subscribe=progress feeds.rollup_ms=200 "$@" ;; $C) tree_node $u $P feeds.rollup_ms=200 "$@" ;; *) tree_node "$u" $C feeds.rollup_ms=200 "$@" ;; esac || fail "configuration of $u"
    done
    for u in "${thirteen[@]}"; do tree_start "$u" || fail "start of $u"; done
    tree_enrol $P $C || fail "child add $C"
    for u in "${counties[@]}"; do tree_enrol $C "$u" || fail "child add $u"; done
    until_true 30 "the city is live with all" live $C 12
}
# A load on the units given (clerks.c); what is acknowledged goes to $tree_work/ledger.
clerks_begin() { "$tree_build/tests/clerks" "${SEED:-7}" "$tree_work" "$tree_work/ledger" "$@" >"$tree_work/clerks" 2>&1 & clerks_pid=$!; }
clerks_end() { kill "$clerks_pid" 2>/dev/null; wait "$clerks_pid" || fail "the clerks: $(tail -n 3 "$tree_work/clerks")"; tail -n 1 "$tree_work/clerks"; }
# Everything that the stores hold against everything that was acknowledged (ledger.c); the daemons must be stopped.
ledger_of() { "$tree_build/tests/ledger" "$tree_work/ledger" "$tree_work" -w ${ledger_options:-} "$@" >"$tree_work/ledger.out" 2>&1 || fail "$(cat "$tree_work/ledger.out")"; tail -n 1 "$tree_work/ledger.out"; }
# live_all UNIT...: each says `live` of all its links. Twice, since what arrives may be answered.
live_once() { local u; for u in "$@"; do json "$u" links | jq -e '(.sections.list | length) > 0 and all(.sections.list[]; .link == "live")' >/dev/null || return 1; done; }
live_all() { live_once "$@" && sleep 0.4 && live_once "$@"; }
# The sums of the province's board in the words of the ledger's last line.
board_sums() {
    json $P board | jq -r '.sections as $s | def total(f): [f] | add // 0;
        "progress \(total($s.count[]?)) problem \(total($s.problems[]?.total)) emergency \(total($s.emergencies[]?.total)) receivers \(total($s.kinds[]?.total)) signs \(total($s.kinds[]?.n_signed)) reports \(total($s.kinds[]?.n_reported)) done \(total($s.board[]?.numerator)) of \(total($s.board[]?.denominator))"' |
        sed "s/^progress 0/progress $(count_of $P progress)/"
}
board_agrees() { [ "$(board_sums)" = "$(sed -n '$s/.*\(progress .*\)/\1/p' "$tree_work/ledger.out")" ]; }
# What stands at the end of every story: all live, verify clean, all that was acknowledged in its place and once, and after a restart the
# sums of the province are those of a plain recount.
settled() { # SECONDS UNIT...
    local seconds=$1 u; shift
    until_true "$seconds" "all live at the end" live_all "$@"
    verified "$@"
    for u in "$@"; do tree_stop "$u"; done
    ledger_of "$@"
    for u in "$@"; do tree_start "$u" || fail "start of $u at the end"; done
    until_true 30 "sums: $(tail -n 1 "$tree_work/ledger.out"); the board says $(board_sums)" board_agrees
    until_true 60 "live after the restart" live_all "$@"
    verified "$@"
}
# Small disks of our own. Needs root; without it the whole test runs again in a user namespace where we are. $1: its build folder.
disks=()
with_mounts() {
    local probe=$tree_work/probe
    mkdir -p "$probe"
    if mount -t tmpfs -o size=1m tmpfs "$probe" 2>/dev/null; then umount "$probe"; return; fi
    [ -z "${LZ_IN_NAMESPACE:-}" ] || fail "a tmpfs cannot be mounted, not even in a user namespace: run as root, or allow user namespaces"
    rm -rf "$tree_work"
    LZ_IN_NAMESPACE=1 exec unshare -rm "$0" "$1"
}
disk_mount() { mkdir -p "$1" && mount -t tmpfs -o "size=$2" tmpfs "$1" && disks+=("$1") || fail "a disk of $2 at $1"; }   # DIR SIZE
disks_end() { # unmounts all before anything is removed; a mount that stays keeps the folder
    local d left=0
    kill "${clerks_pid:-}" 2>/dev/null
    for u in "${!tree_pid[@]}"; do kill -9 "${tree_pid[$u]}" 2>/dev/null; done
    for u in "${!tree_pid[@]}"; do wait "${tree_pid[$u]}" 2>/dev/null; done
    for d in "${disks[@]}"; do umount "$d" 2>/dev/null || umount -l "$d" || left=1; mountpoint -q "$d" && left=1; done
    if [ $left = 0 ]; then tree_kill; else echo "$tree_work still holds a mount and was not removed" >&2; fi
}
serial=0 last_answer=
# ask UNIT VERB...: through linzhangctl, with a request of ours; what is acknowledged goes into the ledger. Its exit code is linzhangctl's.
ask() {
    local unit=$1 code request; shift
    serial=$((serial + 1))
    request=$(printf '%08x%08x%08x%08x' "$unit" $serial 1 1)
    last_answer=$(json "$unit" --request "$request" "$@")
    code=$?
    [ $code != 0 ] || jq -r --arg u "$unit" --arg r "$request" '"ok \($u) \($r) 0 \(.ids[0])"' <<<"$last_answer" >>"$tree_work/ledger"
    return $code
}
