# file, line, branch, count -> what was never taken (to the file `missed`), shares of files, of rooms and of all; exit code 1 below `least`.
# Left out: an assertion, to its semicolon, and a line with a comment that begins "never:" and says why it cannot come to that.
BEGIN { FS = "\t" }
function read(file,   n, s, inside, left) {
    while ((getline s < file) > 0) {
        text[file, ++n] = s
        if (s ~ /(^|[^_A-Za-z])LZ_ASSERT\(/) inside = 1
        if (inside) asserted[file, n] = 1
        if (inside && s ~ /;/) inside = 0
        if (s ~ /\/\* never: [^ ].* \*\//) { excused[file, n] = 1; excuses++ }
    }
    close(file)
}
!($1 in seen) { seen[$1]; read($1) }
asserted[$1, $2] || excused[$1, $2] { next }
{
    split($1, part, "/")
    all[$1]++; all["daemon/" part[2]]++; total++
    if ($4 > 0) { hit[$1]++; hit["daemon/" part[2]]++; taken++; next }
    place = $1 ":" $2
    if (!(place in count)) order[++places] = place
    count[place]++
    code[place] = text[$1, $2]
}
END {
    for (i = 1; i <= places; i++) { sub(/^ +/, "", code[order[i]]); printf "%s: %d never taken: %s\n", order[i], count[order[i]], code[order[i]] > missed }
    for (f in all) printf "%6.1f %% %5d of %5d  %s\n", 100 * hit[f] / all[f], hit[f], all[f], f | "sort -k 6"
    close("sort -k 6")
    share = total ? 100 * taken / total : 0
    if (excuses > most) printf "too many lines say never: %d, at most %d\n", excuses, most
    printf "branches of core, store and flow: %d of %d, %.1f %% (at least %s %%), %d lines say never\n", taken, total, share, least, excuses
    exit share < least || total < 2500 || excuses > most
}
