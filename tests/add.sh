# To be sourced. add COMMAND…: runs what ends with a line `N passed, N failed[, N skipped]`, shows
# what it says beside that and of what is good, and adds the numbers up.
passed=0 failed=0 skipped=0
add() {
    local out p f s
    echo "-- $*"
    out=$("$@" 2>&1)
    grep -vE '^ok |^[0-9]+ passed' <<<"$out"
    read -r p f s <<<"$(tail -1 <<<"$out" | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 \4/p')"
    [ -n "${p:-}" ] || f=1
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
}
