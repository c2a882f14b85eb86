# shellcheck shell=bash
# A tree of real daemons on loopback, for the demo and the system tests: source it, then
#   tree_begin NAME BUILD; tree_node UNIT PARENT [CONFIG LINES]...; tree_start UNIT; tree_enrol PARENT CHILD
# Every daemon is ended by pid; the work folder goes unless KEEP is set. Needs bash, jq.
export LC_ALL=C.UTF-8
tree_data=$(cd "$(dirname "${BASH_SOURCE[0]}")/data" && pwd)
declare -A tree_pid tree_key tree_port tree_parent
declare -A tree_inside    # UNIT: words before the daemon's, such as `ip netns exec NAME`; they must become the daemon
tree_next_port=$((20000 + $$ % 3000 * 4))

tree_begin() { # NAME BUILD
    tree_build=$(cd "$2" && pwd)
    tree_work=$(mktemp -d "${TMPDIR:-/var/tmp}/linzhang-$1.XXXXXX")
    trap tree_kill EXIT
    trap 'exit 1' INT TERM
}
tree_stop() { # UNIT [SIGNAL]
    [ -n "${tree_pid[$1]:-}" ] || return 0
    kill "-${2:-TERM}" "${tree_pid[$1]}" 2>/dev/null
    wait "${tree_pid[$1]}" 2>/dev/null
    unset "tree_pid[$1]"
}
# SLOW=n: programs under a sanitizer or valgrind get n times the time. TREE_END=TERM: daemons still up at the end are asked to end, so that
# what they leak is seen; they are killed all the same.
tree_ask_to_end() { local u i; for u in "${!tree_pid[@]}"; do kill -CONT "${tree_pid[$u]}" 2>/dev/null; kill "${tree_pid[$u]}" 2>/dev/null; done
    for i in $(seq 100); do kill -0 "${tree_pid[@]}" 2>/dev/null || return; sleep 0.05; done; }
tree_kill() { local u; [ -z "${TREE_END:-}" ] || tree_ask_to_end; for u in "${!tree_pid[@]}"; do kill -9 "${tree_pid[$u]}" 2>/dev/null; done; for u in "${!tree_pid[@]}"; do wait "${tree_pid[$u]}" 2>/dev/null; done; [ -n "${KEEP:-}" ] || rm -rf "$tree_work"; }
tree_free_port() { # three in a row that nobody listens on
    local p
    while :; do
        p=$tree_next_port tree_next_port=$((tree_next_port + 3))
        [ $tree_next_port -lt 32000 ] || tree_next_port=20000
        (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null && continue
        (exec 3<>"/dev/tcp/127.0.0.1/$((p + 1))") 2>/dev/null && continue
        (exec 3<>"/dev/tcp/127.0.0.1/$((p + 2))") 2>/dev/null && continue
        echo "$p"
        return
    done
}
# tree_node UNIT PARENT|- [SECTION.KEY=VALUE]...: keys and configuration; every node can have children.
tree_node() {
    local unit=$1 parent=$2 dir=$tree_work/$1 extra
    shift 2
    mkdir -p "$dir"
    [ -f "$dir/key" ] || "$tree_build/linzhangctl" keygen "$dir/key" >/dev/null || return 1
    tree_key[$unit]=$(cat "$dir/key.pub")
    [ -n "${tree_port[$unit]:-}" ] || { tree_port[$unit]=$(tree_free_port); tree_next_port=$((tree_port[$unit] + 3)); }
    tree_parent[$unit]=$parent
    {
        printf '[node]\nunit = %s\ndivisions = %s\nholidays = %s\n' "$unit" "$tree_data/divisions-henan.tsv" "$tree_data/holidays-2026.txt"
        printf '[store]\npath = %s/store\nmap_mib = 4096\nbudget_mib = 2048\n[keys]\nsecret = %s/key\nchildren = %s/children\n' "$dir" "$dir" "$dir"
        printf '[control]\npath = %s/ctl\n[listen]\nendpoint = tcp://127.0.0.1:%s\n' "$dir" "${tree_port[$unit]}"
        [ "$parent" = - ] || printf '[parent]\nunit = %s\nkey = %s\nendpoints = tcp://127.0.0.1:%s\n' "$parent" "${tree_key[$parent]}" "${tree_port[$parent]}"
        for extra in "$@"; do printf '[%s]\n%s = %s\n' "${extra%%.*}" "$(sed 's/^[^.]*\.\([^=]*\)=.*/\1/' <<<"$extra")" "${extra#*=}"; done
    } >"$dir/conf.ini"
    "$tree_build/linzhangd" -n "$dir/conf.ini" >/dev/null
}
tree_start() { # UNIT; returns when it answers
    # shellcheck disable=SC2086  # words
    ${tree_inside[$1]:-} "$tree_build/linzhangd" "$tree_work/$1/conf.ini" 2>>"$tree_work/$1/log" </dev/null &
    tree_pid[$1]=$!
    local i
    for i in $(seq $((200 * ${SLOW:-1}))); do ctl "$1" status >/dev/null 2>&1 && return 0; sleep 0.05; done
    echo "$1 did not start: $(tail -n 1 "$tree_work/$1/log")" >&2
    return 1
}
tree_enrol() { ctl "$1" child add "$2" --key "${tree_key[$2]}" >/dev/null; }
ctl() { local unit=$1; shift; "$tree_build/linzhangctl" -s "$tree_work/$unit/ctl" "$@"; }
json() { local unit=$1; shift; "$tree_build/linzhangctl" -s "$tree_work/$unit/ctl" --json "$@"; }
# until_true SECONDS WHAT COMMAND...: waits; ends the test when it does not come.
until_true() {
    local end=$((SECONDS + $1 * ${SLOW:-1})) what=$2
    shift 2
    until "$@"; do [ $SECONDS -lt $end ] || fail "$what: not within time"; sleep 0.1; done
}
# live UNIT N: it says `live` of N links.
live() { json "$1" links | jq -e --arg n "$2" '[.sections.list[] | select(.link == "live")] | length == ($n | tonumber)' >/dev/null; }
link_state() { json "$1" links | jq -r --arg c "$2" '.sections.list[] | select(.unit == $c) | .link'; }
ids() { json "$1" "$2" list | jq -r '.sections.list[]?.id'; }                        # UNIT NOUN
count_of() { json "$1" count | jq -r --arg k "$2" '[.sections.list[]? | select(.kind == $k)][0].total // 0'; }   # UNIT KIND
own_of() { json "$1" count | jq -r --arg k "$2" '[.sections.list[]? | select(.kind == $k)][0].own // 0'; }
state_of() { json "$1" "$2" show "$3" | jq -r '[.sections.card[] | select(._field == "state_zh")][0].value'; }   # UNIT NOUN ID: in Chinese
