/* Gap repair with crashes: one publisher, one follower, one feed of N records. PUB may lose a batch; fetch goes over the request channel, which a
 * restart empties. What a side has not committed is gone when it crashes; every start draws an epoch. README: "How it works", feeds.
 *
 * Batch (epoch, from, to]; the cursor moves in the commit that applies; then the ack. A tip is repeated until everything is acknowledged.
 * Safety: nothing takes effect twice, nothing acknowledged is lost, no ack says more than the follower's disk holds, a record is published
 * only when it is on the publisher's disk. Liveness: under fairness everything arrives and is acknowledged.
 * Planted (each must be refuted): CURSOR_FIRST, CURSOR_ALONE, ACK_EARLY, PUBLISH_EARLY by the first; NO_TIP, NO_ACK_AGAIN by the second. */
#define N 3
#ifndef CRASHES
#define CRASHES 2
#endif
byte crashes_p, crashes_f;

/* the publisher: made counts records in memory, kept those on its disk */
byte made, kept, acked, epoch_p = 1;
bool greeted_p;                          /* it has heard hello in this epoch */
/* the follower: what it applied and its cursor, in memory and on disk */
byte effect, effect_disk, cursor, cursor_disk, epoch_f;
byte ack_due;
bool fetching;
byte times[N + 1];                       /* how often a record took effect for good */

chan live = [1] of { byte, byte, byte }; /* PUB: epoch, from, to */
chan req = [1] of { mtype, byte, byte }; /* follower -> publisher: hello, fetch (epoch, after), ack (epoch, position) */
chan rep = [1] of { mtype, byte, byte, byte };   /* publisher -> follower: hello (epoch), tip (epoch, position), batch (epoch, from, to) */
mtype = { HELLO, FETCH, ACK, TIP, BATCH };

inline publish(from, to) { if :: len(live) == 0 -> live!epoch_p, from, to :: skip fi }   /* or it is lost */

/* A batch at the cursor takes effect from where the store stands: what is behind the cursor is not applied again. */
inline apply(to) {
    d_step {
        i = cursor + 1;
        do
        :: i <= to -> effect = effect + 1; times[i] = times[i] + 1; i++
        :: else -> break
        od;
        i = 0;
        cursor = to;
        fetching = false
    }
}
inline commit_follower() { effect_disk = effect; cursor_disk = cursor; ack_due = cursor }
inline batch_arrives(e, from, to) {
    if
    :: e != epoch_f -> skip                                  /* of another epoch than hello showed: dropped */
    :: e == epoch_f && from > cursor ->
        if :: !fetching && len(req) == 0 -> req!FETCH, epoch_f, cursor; fetching = true :: else fi
    :: e == epoch_f && from <= cursor && to > cursor ->
#ifdef CURSOR_FIRST
        d_step { cursor_disk = to };                         /* its own commit, before the records' */
        crash_point();
        apply(to); commit_follower()
#elif defined(CURSOR_ALONE)
        apply(to); d_step { effect_disk = effect };
        crash_point();
        commit_follower()
#elif defined(ACK_EARLY)
        ack_due = to;
        if :: len(req) == 0 -> req!ACK, epoch_f, ack_due; ack_due = 0 :: else fi;
        crash_point();
        apply(to); commit_follower()
#else
        atomic { apply(to); commit_follower() }
#endif
    :: else -> if :: e == epoch_f -> ack_due = cursor :: else fi
    fi
}
/* Memory goes; what is on disk stays, and with it what had taken effect for good. */
inline crash_follower() {
    d_step {
        crashes_f++;
        i = 1;
        do
        :: i <= N -> times[i] = (i <= effect_disk -> times[i] : 0); i++
        :: else -> break
        od;
        i = 0;
        effect = effect_disk; cursor = cursor_disk; epoch_f = 0; ack_due = 0; fetching = false
    }
}
inline crash_point() { if :: crashes_f < CRASHES -> crash_follower(); goto again :: skip fi }

active proctype publisher() {
    mtype what; byte e, n;
    do
    :: atomic { made < N && kept == made -> made++ };
#ifdef PUBLISH_EARLY
       publish(made - 1, made)
#endif
    :: atomic { kept < made -> kept = made };
#ifndef PUBLISH_EARLY
       publish(kept - 1, kept)
#endif
    :: atomic { len(req) > 0 && len(rep) == 0 -> req?what, e, n };
       if
       :: what == HELLO -> greeted_p = true; acked = (n <= kept -> n : 0); rep!HELLO, epoch_p, 0, 0
       :: what == FETCH -> if :: e == epoch_p -> rep!BATCH, epoch_p, n, kept :: else fi
       :: what == ACK ->
          if :: e == epoch_p && n > acked -> assert(n <= kept); acked = n :: else fi
       fi
#ifndef NO_TIP
    /* tips repeat without end; what has still to be published goes on meanwhile */
    :: atomic { greeted_p && kept == N && acked < kept && len(rep) == 0 && len(req) == 0 && len(live) == 0 -> rep!TIP, epoch_p, kept, 0 }
#endif
    :: atomic { crashes_p < CRASHES -> crashes_p++; made = kept; acked = 0; greeted_p = false; epoch_p++;
                do :: rep?_, _, _, _ :: req?_, _, _ :: empty(rep) && empty(req) -> break od }
    od
}
active proctype follower() {
    mtype what; byte e, from, to, i;
again:
    do
    /* a turn acknowledges before the next one listens */
    :: atomic { ack_due == 0 && len(live) > 0 -> live?e, from, to }; batch_arrives(e, from, to)
    :: atomic { ack_due == 0 && len(rep) > 0 -> rep?what, e, from, to };
       if
       :: what == HELLO -> epoch_f = e; fetching = false
       :: what == TIP ->
          if
          :: e != epoch_f -> if :: len(req) == 0 -> req!HELLO, 0, cursor :: else fi
          :: e == epoch_f && from > cursor && len(req) == 0 -> req!FETCH, epoch_f, cursor; fetching = true
#ifndef NO_ACK_AGAIN
          :: e == epoch_f && from <= cursor -> ack_due = cursor
#endif
          :: else
          fi
       :: what == BATCH -> batch_arrives(e, from, to)
       fi
    :: atomic { epoch_f != epoch_p && len(req) == 0 && len(rep) == 0 -> req!HELLO, 0, cursor }       /* the connection was made anew, or silence */
    /* one that finds no place is lost: a tip asks for it again */
    :: atomic { ack_due > 0 -> assert(ack_due <= cursor_disk); if :: len(req) == 0 -> req!ACK, epoch_f, ack_due :: else fi; ack_due = 0 }
    :: atomic { crashes_f < CRASHES -> crash_follower(); do :: rep?_, _, _, _ :: req?_, _, _ :: empty(rep) && empty(req) -> break od }
    od
}
/* Time goes on where nothing else does: a run that has come to rest is a fair run too, and must have come to rest at the end. */
bit tick;
active proctype ever() { do :: tick = 1 - tick od }
#define SAFE (times[1] <= 1 && times[2] <= 1 && times[3] <= 1 && acked <= effect_disk && cursor_disk == effect_disk && cursor <= kept)
ltl safe { [] SAFE }
ltl live { <> [] (acked == N && effect_disk == N) }
