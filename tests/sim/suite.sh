# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
sim-quick() { check sim/40-seeds 200 "$BUILD/sim" -n 40 -d; }
# -r: crashes, restores and everything are together at least 2,700 seeds, 90 days of a network and 200,000 faults.
sim() {
    local usual=crash,disk,net,clock,load
    check sim/crashes-900-seeds 600 "$BUILD/sim" -m $usual -n 900 -r 900,30,70000
    check sim/restores-900-seeds 600 "$BUILD/sim" -m $usual,restore,destroy -n 900 -r 900,30,70000
    check sim/trees-500-seeds 600 "$BUILD/sim" -m $usual,tree,move -n 500
    check sim/versions-400-seeds 600 "$BUILD/sim" -m crash,net,load,skew -n 400
    check sim/everything-900-seeds 600 "$BUILD/sim" -m all -n 900 -r 900,30,60000
    check sim/mended-100-seeds 300 "$BUILD/sim" -m $usual -n 100 -d
    check sim/mended-everything-150-seeds 300 "$BUILD/sim" -m all -n 150 -d
    check sim/files-100-seeds 300 "$BUILD/sim" -m $usual,files -n 100
    check sim/files-restores-200-seeds 300 "$BUILD/sim" -m $usual,restore,destroy,files -n 200
    check sim/files-everything-150-seeds 300 "$BUILD/sim" -m all,files -n 150
    check sim/same-seed-same-world 200 "$BUILD/sim" -f 50001 -n 40 -p
    check sim/bits-1500-flips 200 "$BUILD/sim" -b -n 1500
    check sim/scenarios 300 "$BUILD/sim" -s all
}
