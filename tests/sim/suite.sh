# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which has `check`, BUILD and out
sim-quick() { check sim/40-seeds 120 "$BUILD/sim" -n 40 -d; }
sim() {
    check sim/crashes-4100-seeds 600 "$BUILD/sim" -n 4100
    check sim/restores-4100-seeds 600 "$BUILD/sim" -n 4100 -m restore
    check sim/everything-4100-seeds 600 "$BUILD/sim" -n 4100 -m all
    check sim/mended-300-seeds 300 "$BUILD/sim" -n 300 -d
    check sim/mended-restored-300-seeds 300 "$BUILD/sim" -n 300 -d -m all
    check sim/bits-1500-flips 200 "$BUILD/sim" -b -n 1500
    check sim/files-600-seeds 300 "$BUILD/sim" -n 600 -m files
    check sim/files-everything-600-seeds 300 "$BUILD/sim" -n 600 -m files,all
    check sim/scenarios 300 "$BUILD/sim" -s all
}
