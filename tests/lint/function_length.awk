# Prints every function that is longer than `max` lines. A function begins with a line that starts in column 0 and ends with
# "{" and has a "(" in it, or one on the lines of its signature above; it ends with "}" in column 0.
/^[a-z]/ && !in_function { signature = $0; start = FNR }
/^[^ \t#].*\) *\{ *$/ || /^ +[^ ].*\) \{ *$/ && !in_function && signature ~ /\(/ && signature !~ /\{|;/ {
    if (!in_function) { in_function = 1; at = /^[a-z]/ ? FNR : start; name = /^[a-z]/ ? $0 : signature }
}
/^\}/ && in_function {
    length_ = FNR - at + 1
    if (length_ > max) {
        sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
        printf "%s:%d: %s has %d lines, more than %d\n", FILENAME, at, name, length_, max
    }
    in_function = 0; signature = ""
}
