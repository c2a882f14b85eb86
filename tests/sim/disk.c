/* disk: what happens to stores: copies, restores, losses. */
#include "world.h"
#include "history.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void copy_file(const char *from, const char *to) {
    uint8_t buffer[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t n;
    LZ_ASSERT(in >= 0 && out >= 0);
    while ((n = read(in, buffer, sizeof buffer)) > 0) { ssize_t m = write(out, buffer, (size_t)n); LZ_ASSERT(m == n); }
    close(in);
    close(out);
}

static const char *data_of(const char *dir, char out[PATH_BYTES + 16]) { snprintf(out, PATH_BYTES + 16, "%s/data.mdb", dir); return out; }

void node_copy(struct world *w, struct node *n) {
    char from[PATH_BYTES + 16], to[PATH_BYTES + 16];
    mkdir(n->backup, 0700);
    copy_file(data_of(n->path, from), data_of(n->backup, to));  /* nobody writes between turns: the file is whole */
    n->has_backup = true;
    world_note(w, "%u copied", n->code);
}

/* A record that no store holds any more is gone from the world. One that neither its origin nor a neighbour of its origin
 * holds is out of reach as well: an ancestor's record is taken from further below only once records are signed. */
static void note_lost(struct world *w, struct node *who, enum history_loss how) {
    struct store *opened[NODES_MAX] = { 0 };
    for (int i = 0; i < w->n_nodes; i++) {                      /* a store whose daemon is down is a store all the same */
        struct node *n = &w->nodes[i];
        if (n->up) continue;
        struct store_options so = { .path = n->path, .unit = n->code, .map_bytes = 256 << 20, .no_sync = true };
        enum lz_err err = store_open(&opened[i], &so, NULL);
        LZ_ASSERT(err == LZ_ok);
        n->store = opened[i];
    }
    for (size_t i = 0; i < w->n_told; i++) {
        bool held = false;
        for (int j = 0; j < w->n_nodes && !held; j++) {
            const struct node *n = &w->nodes[j], *origin = node_of(w, w->told[i].id.origin);
            bool near = n == origin || n->parent == origin->code || n->code == origin->parent;
            held = near && world_holds(w, &w->nodes[j], &w->told[i]);
        }
        if (!held) w->told[i].lost = true;
    }
    witness_look(w);
    history_lost(w->history, who->code, how);
    who->lost = true;
    if (who->up) witness_turn(w, who);
    for (int i = 0; i < w->n_nodes; i++)
        if (opened[i]) store_close(&w->nodes[i].store);
}

void node_restore(struct world *w, struct node *n) {
    char from[PATH_BYTES + 16], to[PATH_BYTES + 16];
    if (!n->has_backup) return;
    world_note(w, "%u restored", n->code);
    if (n->up) node_close(w, n);
    copy_file(data_of(n->backup, from), data_of(n->path, to));
    w->restores = true;
    w->faults++;
    node_boot(w, n);
    if (!n->up) node_boot(w, n);
    note_lost(w, n, HISTORY_RESTORED);
}

void node_destroy(struct world *w, struct node *n) {
    char file[PATH_BYTES + 16];
    world_note(w, "%u destroyed", n->code);
    if (n->up) node_close(w, n);
    unlink(data_of(n->path, file));
    w->restores = true;
    w->faults++;
    node_boot(w, n);
    note_lost(w, n, HISTORY_RECREATED);
}
