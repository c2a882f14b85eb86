/* Lineage with restore and clone: three nodes in a line, county 0 -> city 1 -> province 2. The county writes events and one register; its feed is
 * followed by the city, the city's by the province. Any store may be copied back to an older state, the two lower ones also lost, and the
 * county's left store may go on speaking (a clone). README: "Restored, lost and cloned stores".
 *
 * Claimed: every run that ends, ends with three stores that hold the same; nothing is applied from a line that was left. One store goes back or is
 * lost (FAULTS 1). Planted, and refuted there: POSITION_NOT_SEEN, NO_OWES, NO_LEFT.
 *
 * Two stores at once (-DFAULTS=2): the county writes 1; city and province take it; the city's store is lost and 1 comes back to it from the
 * province; before the city follows the county's feed again, the county's store is copied back to before 1, and it writes 2 before they meet. The
 * city's cursor is fresh and so good, the highest stamp that it names, 1, is below the county's own, 2: nobody would see that 1 is gone at the
 * county. So who says that it has taken all back also says where its store then stood, and the other's cursor has seen that. Planted, and refuted
 * there: NO_DONE_SEEN. */
#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef WRITES
#define WRITES 2
#endif
#define LINE 4                           /* lineage entries: at most one a start */
#define NONE 255

typedef store {
    byte has;                            /* events held: a bit each */
    byte reg;                            /* version of the register */
    byte at[WRITES]; byte reg_at;        /* where they stand in the node's own feed; 0: nowhere */
    byte pos;                            /* the one counter */
    byte line[LINE]; byte began[LINE]; byte n;
    byte from_epoch, from_pos, from_seen;        /* the cursor on the feed of the node below; from_epoch 0: none */
    bool owes;                           /* what the node below lost I still have to see it take back */
    bool row                             /* what is mine is still to be given back by the node above */
}
store s[3], copy[2], clone;
bool copied[2], cloned, left[8], heard[2];       /* heard: by node i, hello of the one above, in this run */
byte epochs, writes, faults, i; bool good;

#define TOP(x) (s[x].has & 4 -> 3 : (s[x].has & 2 -> (s[x].reg > 2 -> 3 : 2) : (s[x].reg > (s[x].has & 1) -> s[x].reg : (s[x].has & 1))))
#define NOW(x) s[x].line[s[x].n - 1]
inline begin(x) { epochs++; s[x].line[s[x].n] = epochs; s[x].began[s[x].n] = s[x].pos; s[x].n++ }
/* A record enters a store: at the next position of its feed. The register's older entry goes. */
inline take_event(x, e) { if :: !(s[x].has >> e & 1) -> s[x].has = s[x].has | (1 << e); s[x].pos++; s[x].at[e] = s[x].pos :: else fi }
inline take_register(x, v) { if :: v > s[x].reg -> s[x].reg = v; s[x].pos++; s[x].reg_at = s[x].pos :: else fi }

/* Is the cursor of x + 1 explained by the line of x? good: fresh, the present epoch, or seen no more than what came before the next one. */
inline judge(x) {
    good = (s[x + 1].from_epoch == 0); i = 0;
    do
    :: i < s[x].n ->
        if
        :: s[x].line[i] == s[x + 1].from_epoch ->
#ifdef POSITION_NOT_SEEN
            good = (i + 1 == s[x].n -> true : s[x + 1].from_pos <= s[x].began[i + 1])
#else
            good = (i + 1 == s[x].n -> true : s[x + 1].from_seen <= s[x].began[i + 1])
#endif
        :: else
        fi; i++
    :: else -> break
    od; i = 0
}
inline open_row(x) { s[x].row = true }
#ifdef NO_STAMP
#define AHEAD(x) false
#else
#define AHEAD(x) (x == 0 && TOP(x + 1) > TOP(x))    /* a record of the county's own, later than any that it knows */
#endif
/* What x + 1 says in its hello: its cursor, whether it owes, and the highest stamp that it holds of x's own. x judges itself. */
inline hello_down(x) { judge(x); if :: !good || s[x + 1].owes || AHEAD(x) -> open_row(x) :: else fi; heard[x] = true }
/* What x says in its hello: its line. x + 1 judges the cursor that it keeps; the verdict is durable with the reset. */
inline hello_up(x) {
    judge(x);
    if
    :: !good ->
        if :: x == 0 -> left[s[1].from_epoch] = true :: else fi;
        s[x + 1].from_pos = 0; s[x + 1].from_seen = 0;
#ifndef NO_OWES
        s[x + 1].owes = true; heard[x] = false
#endif
    :: else
    fi;
    s[x + 1].from_epoch = NOW(x)
}
/* A batch (cursor, to], cut anywhere; `seen` is where the store then stood. */
inline follow(x, to) {
    i = 0;
    do
    :: i < WRITES -> if :: s[x].at[i] > s[x + 1].from_pos && s[x].at[i] <= to -> take_event(x + 1, i) :: else fi; i++
    :: else -> break
    od; i = 0;
    if :: s[x].reg_at > s[x + 1].from_pos && s[x].reg_at <= to -> take_register(x + 1, s[x].reg) :: else fi;
    s[x + 1].from_pos = to; s[x + 1].from_seen = (s[x].pos > s[x + 1].from_seen -> s[x].pos : s[x + 1].from_seen)
}
#define MISSING(x) ((s[x + 1].has & ~s[x].has) != 0 || s[x + 1].reg > s[x].reg)
/* x + 1, which knows the line of x, gives back what it holds. Final: it waits for nothing itself. */
inline reclaim(x) {
#ifndef NO_OWE_CHILD
    if :: x == 1 && MISSING(1) -> s[1].owes = true; heard[0] = false :: else fi;       /* the county's, which it may have lost as well */
#endif
    i = 0;
    do
    :: i < WRITES -> if :: s[x + 1].has >> i & 1 -> take_event(x, i) :: else fi; i++
    :: else -> break
    od; i = 0;
    take_register(x, s[x + 1].reg);
#ifdef NO_FINAL
    s[x].row = false; s[x + 1].owes = false
#else
    if :: !s[x + 1].row -> s[x].row = false; s[x + 1].owes = false;
#ifndef NO_DONE_SEEN
        if :: s[x + 1].from_seen < s[x].pos -> s[x + 1].from_seen = s[x].pos :: else fi
#endif
    :: else fi
#endif
    ;
    if :: x == 1 && !s[1].row -> heard[0] = false :: else fi         /* whole again: it says hello once more */
}
inline store_copy(to, from) {
    to.has = from.has; to.reg = from.reg; to.reg_at = from.reg_at; to.pos = from.pos; to.n = from.n; to.owes = from.owes; to.row = from.row;
    to.from_epoch = from.from_epoch; to.from_pos = from.from_pos; to.from_seen = from.from_seen; i = 0;
    do :: i < WRITES -> to.at[i] = from.at[i]; i++ :: else -> break od; i = 0;
    do :: i < LINE -> to.line[i] = from.line[i]; to.began[i] = from.began[i]; i++ :: else -> break od; i = 0
}
inline wipe(x) {
    s[x].has = 0; s[x].reg = 0; s[x].reg_at = 0; s[x].pos = 0; s[x].n = 0; s[x].owes = false; s[x].from_epoch = 0; s[x].from_pos = 0; s[x].from_seen = 0;
    i = 0; do :: i < WRITES -> s[x].at[i] = 0; i++ :: else -> break od; i = 0;
#ifdef NO_NEW_RECLAIM
    s[x].row = false
#else
    s[x].row = (x < 2)
#endif
}
/* The node above may say of x "in sync". */
#define PROVEN(x) (s[x + 1].from_epoch == NOW(x) && s[x + 1].from_pos == s[x].pos && !s[x + 1].owes && !s[x].row)
#define SAME(x) (s[x].has == s[x + 1].has && s[x].reg == s[x + 1].reg)
#ifdef NO_EPOCH
#define GREETED(x) (s[x + 1].from_epoch != 0)
#else
#define GREETED(x) (s[x + 1].from_epoch == NOW(x))
#endif

init {
    byte k;
    d_step { begin(0); begin(1); begin(2) }
    do
    :: d_step { writes < WRITES && !s[0].row -> take_event(0, writes); writes++ }
    :: d_step { writes < WRITES && !s[0].row -> writes++; take_register(0, writes) }
    /* the links, lower and upper */
    :: d_step { NOW(0) != s[1].from_epoch -> hello_up(0) }
    :: d_step { NOW(1) != s[2].from_epoch -> hello_up(1) }
    :: d_step { !heard[0] -> hello_down(0) }
    :: d_step { !heard[1] -> hello_down(1) }
    :: atomic { GREETED(0) && s[0].pos > s[1].from_pos -> k = s[1].from_pos + 1; do :: k < s[0].pos -> k++ :: break od; d_step { follow(0, k); k = 0 } }
    :: atomic { GREETED(1) && s[1].pos > s[2].from_pos -> k = s[2].from_pos + 1; do :: k < s[1].pos -> k++ :: break od; d_step { follow(1, k); k = 0 } }
    :: d_step { s[0].row && GREETED(0) && (MISSING(0) || !s[1].row) -> reclaim(0) }
    :: d_step { s[1].row && GREETED(1) && (MISSING(1) || !s[2].row) -> reclaim(1) }
    /* what happens to stores */
    :: d_step { !copied[0] -> copied[0] = true; store_copy(copy[0], s[0]) }
    :: d_step { !copied[1] -> copied[1] = true; store_copy(copy[1], s[1]) }
    :: d_step { faults < FAULTS && copied[0] -> faults++; store_copy(clone, s[0]); cloned = true; store_copy(s[0], copy[0]); begin(0); heard[0] = false }
    :: d_step { faults < FAULTS && copied[1] -> faults++; store_copy(s[1], copy[1]); begin(1); heard[1] = false; heard[0] = false }
    :: d_step { faults < FAULTS -> faults++; wipe(0); begin(0); heard[0] = false }
    :: d_step { faults < FAULTS -> faults++; wipe(1); begin(1); heard[1] = false; heard[0] = false }
    /* the left store speaks: of a line that was left nothing is applied */
    :: d_step { cloned && left[clone.line[clone.n - 1]] ->
#ifdef NO_LEFT
                assert(s[1].from_epoch == clone.line[clone.n - 1]);
#endif
                cloned = false }
    :: timeout -> break
    od;
    assert(SAME(0) && SAME(1))
}
