# gcov's JSON -> file, line, branch, how often it was taken
.files[] | select(.file | test("^daemon/(core|store|flow)/[a-z_]+[.]c$")) | .file as $file
    | .lines[] | .line_number as $line | .branches | to_entries[] | [$file, $line, .key, .value.count] | @tsv
