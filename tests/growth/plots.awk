# plots.awk -v dir=DIR growth.tsv: one SVG for each series and figure, both axes logarithmic, each point with its value.
BEGIN { FS = "\t" }
NR == 1 { next }
{
    id = $1 "-" $3
    if (!(id in n)) { ids[++count] = id; unit[id] = $5; series[id] = $1; figure[id] = $3 }
    x[id, ++n[id]] = $2
    y[id, n[id]] = $4 > 0 ? $4 : 0.001
}
function log10(v) { return log(v) / log(10) }
function floor(v,    i) { i = int(v); return i > v ? i - 1 : i }
function px(v) { return 70 + (v - x0) / (x1 - x0) * 520 }
function py(v) { return 300 - (v - y0) / (y1 - y0) * 250 }
END {
    for (c = 1; c <= count; c++) {
        id = ids[c]
        file = dir "/growth-" id ".svg"
        x0 = x1 = log10(x[id, 1]); y0 = y1 = log10(y[id, 1])
        for (i = 2; i <= n[id]; i++) {
            lx = log10(x[id, i]); ly = log10(y[id, i])
            if (lx < x0) x0 = lx; if (lx > x1) x1 = lx
            if (ly < y0) y0 = ly; if (ly > y1) y1 = ly
        }
        y0 = floor(y0); y1 = floor(y1) + 1
        if (x1 == x0) x1 = x0 + 1
        print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"360\" font-family=\"sans-serif\" font-size=\"12\">" > file
        print "<rect width=\"640\" height=\"360\" fill=\"white\"/>" > file
        printf "<text x=\"320\" y=\"24\" text-anchor=\"middle\" font-size=\"15\">%s: %s (%s)</text>\n", series[id], figure[id], unit[id] > file
        for (g = y0; g <= y1; g++) {
            printf "<line x1=\"70\" x2=\"590\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>", py(g), py(g) > file
            printf "<text x=\"62\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", py(g) + 4, 10 ^ g > file
        }
        line = ""
        for (i = 1; i <= n[id]; i++) {
            cx = px(log10(x[id, i])); cy = py(log10(y[id, i]))
            line = line sprintf("%.1f,%.1f ", cx, cy)
            printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"#1a6b3c\"/>", cx, cy > file
            printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"#1a6b3c\">%.3g</text>", cx, cy - 9, y[id, i] > file
            printf "<text x=\"%.1f\" y=\"320\" text-anchor=\"middle\">%g</text>\n", cx, x[id, i] > file
        }
        printf "<polyline points=\"%s\" fill=\"none\" stroke=\"#1a6b3c\" stroke-width=\"1.5\"/>\n", line > file
        printf "<text x=\"320\" y=\"345\" text-anchor=\"middle\">%s</text>\n</svg>\n", series[id] > file
        close(file)
    }
    printf "%d plots in %s\n", count, dir
}
