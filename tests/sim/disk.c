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

static void copy_to(struct world *w, struct node *n, const char *dir) {
    char from[PATH_BYTES + 16], to[PATH_BYTES + 16];
    mkdir(dir, 0700);
    copy_file(data_of(n->path, from), data_of(dir, to));        /* nobody writes between turns: the file is whole */
    world_note(w, "%u copied", n->code);
}

void node_copy(struct world *w, struct node *n) {
    copy_to(w, n, n->backup);
    n->has_backup = true;
}

static void name_copy(const struct node *n, int which, char out[PATH_BYTES]) { snprintf(out, PATH_BYTES, "%.200s.%d", n->backup, which); }

/* The last few are kept: any of them may be copied back. */
void node_copy_more(struct world *w, struct node *n) {
    char dir[PATH_BYTES];
    name_copy(n, n->n_copies++ % COPIES_MAX, dir);
    copy_to(w, n, dir);
}

/* A record that no store holds any more is gone from the world. One that neither its origin nor a neighbour of its origin
 * holds is out of reach as well: an ancestor's record is taken from further below only once records are signed. */
static void note_lost(struct world *w, struct node *who, enum history_loss how) {
    struct store *opened[NODES_MAX] = { 0 };
    for (int i = 0; i < w->n_nodes; i++) {                      /* a store whose daemon is down is a store all the same */
        struct node *n = &w->nodes[i];
        if (n->up) continue;
        struct store_options so = { .path = n->path, .unit = n->code, .map_bytes = w->map_bytes, .no_sync = true };
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
    w->restores = true;
    witness_look(w);
    history_lost(w->history, who->code, how);
    who->lost = true;
    if (who->up) witness_turn(w, who);
    for (int i = 0; i < w->n_nodes; i++)
        if (opened[i]) store_close(&w->nodes[i].store);
}

static void put_back(struct world *w, struct node *n, const char *dir) {
    char from[PATH_BYTES + 16], to[PATH_BYTES + 16];
    world_note(w, "%u restored", n->code);
    if (n->up) node_close(w, n);
    copy_file(data_of(dir, from), data_of(n->path, to));
    node_boot(w, n);
    if (!n->up) node_boot(w, n);
    note_lost(w, n, HISTORY_RESTORED);
}

void node_restore(struct world *w, struct node *n) {
    if (n->has_backup) put_back(w, n, n->backup);
}

bool node_restore_from(struct world *w, struct node *n, int which) {
    char dir[PATH_BYTES];
    if (!n->n_copies) return false;
    name_copy(n, which % (n->n_copies < COPIES_MAX ? n->n_copies : COPIES_MAX), dir);
    put_back(w, n, dir);
    return true;
}

void node_destroy(struct world *w, struct node *n) {
    char file[PATH_BYTES + 16];
    world_note(w, "%u destroyed", n->code);
    if (n->up) node_close(w, n);
    unlink(data_of(n->path, file));
    node_boot(w, n);
    note_lost(w, n, HISTORY_RECREATED);
}
