#!/bin/sh
# SPDX-License-Identifier: MIT
# campaign.sh BUILD SECONDS [TARGET...]: fuzzes each target for that long, one after the other, on one core, from its seeds and from what
# earlier campaigns have found (BUILD/found/TARGET). Prints a table; exit status 1 if something was found: then the input
# is BUILD/bad/TARGET-*, and belongs, made smaller (-minimize_crash=1), into tests/fuzz/corpus/TARGET.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
seconds=$2
shift 2
[ $# -gt 0 ] || set -- $(cd "$build/bin" && ls | sed -n 's/^fuzz-//p')
export ASAN_OPTIONS=detect_leaks=1 GNUTLS_SYSTEM_PRIORITY_FILE=/dev/null
mkdir -p "$build/bad"
bad=0
spent=0
echo "| target | inputs tried | edges covered | corpus | CPU seconds | faults |"
echo "|---|---|---|---|---|---|"
for target; do
    found=$build/found/$target
    log=$build/$target.log
    mkdir -p "$found"
    set -- "$found"
    for seeds in "$build/tests/fuzz/seeds/$target" "$here/corpus/$target" "$here/policy/corpus/$target"; do
        [ ! -d "$seeds" ] || set -- "$@" "$seeds"
    done
    faults=0
    nice -n 19 "$build/bin/fuzz-$target" -max_total_time="$seconds" -max_len=8192 -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$build/bad/$target-" "$@" >"$log" 2>&1 || faults=1
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    times >"$log.times" # not in a subshell, which has no children yet
    now=$(sed -n '2s/^\([0-9]*\)m\([0-9]*\).*/\1 \2/p' "$log.times" | { read -r m s; echo $((m * 60 + s)); })
    echo "| $target | ${runs:-?} | ${edges:-?} | $(ls "$found" | wc -l) | $((now - spent)) | $faults |"
    spent=$now
    [ $faults = 0 ] || bad=1
done
exit $bad
