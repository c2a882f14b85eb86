# shellcheck shell=bash
# For the hostile tests: real daemons as in tests/system, and a scene file for the attacking programs.
hostile_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$hostile_here/../system/lib.sh"
# scene UNIT...: unit, parent, control socket, pid (0: not running), port, public key, secret key file, one a line
scene() { local u; for u in "$@"; do echo "$u ${tree_parent[$u]/-/0} $tree_work/$u/ctl ${tree_pid[$u]:-0} ${tree_port[$u]} ${tree_key[$u]} $tree_work/$u/key"; done >"$tree_work/scene"; }
attack() { "$tree_build/tests/hostile/$1" "$tree_work/scene" "${@:2}"; }
