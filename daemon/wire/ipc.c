/* ipc: the control socket, a ROUTER on a unix socket, and its client.
 *
 * Guarantees: the socket file is never open to others than the mode says, not even for a moment; a second daemon on
 * the same path is refused and a dead one's file is replaced; the uid of an ask comes from the kernel. Leaves to
 * others: what a uid may do. */
#include "wire_room.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONTROL_HWM = 1000, ASK_DROPS_MAX = 64, GROUP_BUFFER = 16384, IPC_ENDPOINT_MAX = 128 };

/* Connects as any client would. 0: somebody listens; otherwise the errno. */
static int ipc_knock(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path) return ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return errno;
    int result = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    close(fd);
    return result == EAGAIN ? 0 : result;      /* its queue is full, so it is there */
}

/* libzmq unlinks whatever has the name before it binds: this is where a living daemon or a wrong file is noticed. */
static enum lz_err control_clear(const char *path, struct lz_fail *fail) {
    struct sockaddr_un address;
    if (strlen(path) >= sizeof address.sun_path)
        return lz_refuse(fail, LZ_bad_config, "控制套接字的路径 %s 太长：最多 %zu 字节", path, sizeof address.sun_path - 1);
    struct stat status;
    if (lstat(path, &status) != 0) {
        if (errno == ENOENT) return LZ_ok;
        return lz_refuse(fail, LZ_wire, "不能查看控制套接字 %s：%s；请检查目录的权限", path, strerror(errno));
    }
    if (!S_ISSOCK(status.st_mode)) return lz_refuse(fail, LZ_bad_config, "%s 已存在且不是套接字：请改用别的路径，或先移走它", path);
    int knock = ipc_knock(path);
    if (knock == 0) return lz_refuse(fail, LZ_already, "另一个守护进程正在 %s 上应答：一个单位只运行一个守护进程，请先停掉它", path);
    if (knock != ECONNREFUSED) return lz_refuse(fail, LZ_wire, "不能确认 %s 是否在用：%s；请检查其权限", path, strerror(knock));
    if (unlink(path) != 0) return lz_refuse(fail, LZ_wire, "不能删除遗留的套接字 %s：%s；请检查目录的权限", path, strerror(errno));
    return LZ_ok;
}

static enum lz_err control_permit(const char *path, uint32_t mode, const char *group_name, struct lz_fail *fail) {
    if (group_name && *group_name) {
        char buffer[GROUP_BUFFER];
        struct group group, *found = NULL;
        if (getgrnam_r(group_name, &group, buffer, sizeof buffer, &found) != 0 || !found)
            return lz_refuse(fail, LZ_bad_config, "没有名为 %s 的用户组：请先建立它，或改正配置中的 control_group", group_name);
        if (chown(path, (uid_t)-1, group.gr_gid) != 0)
            return lz_refuse(fail, LZ_wire, "不能把 %s 交给用户组 %s：%s；守护进程的用户须属于该组", path, group_name, strerror(errno));
    }
    if (chmod(path, (mode_t)(mode & 0777)) != 0)
        return lz_refuse(fail, LZ_wire, "不能设置 %s 的权限：%s", path, strerror(errno));
    return LZ_ok;
}

static bool control_set(void *socket) {
    return set_int(socket, ZMQ_LINGER, 0) && set_size_max(socket, ASK_BYTES_MAX) && set_int(socket, ZMQ_SNDHWM, CONTROL_HWM) &&
           set_int(socket, ZMQ_RCVHWM, CONTROL_HWM);
}

enum lz_err control_open(void **socket_p, void *context, const struct wire_options *options, struct lz_fail *fail) {
    const char *path = options->control_path;
    enum lz_err err = control_clear(path, fail);
    if (err) return err;
    void *socket = *socket_p = zmq_socket(context, ZMQ_ROUTER);
    if (!socket || !control_set(socket) || !set_int(socket, ZMQ_ROUTER_MANDATORY, 1))
        return lz_refuse(fail, LZ_wire, "不能建立控制套接字：%s", zmq_strerror(zmq_errno()));
    char endpoint[IPC_ENDPOINT_MAX];
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    mode_t before = umask(0177);     /* the owner's alone until group and mode are set */
    int bound = zmq_bind(socket, endpoint);
    int reason = zmq_errno();
    (void)umask(before);
    if (bound != 0) return lz_refuse(fail, LZ_wire, "不能在 %s 建立控制套接字：%s；请检查目录是否存在、可否写入", path, zmq_strerror(reason));
    return control_permit(path, options->control_mode, options->control_group, fail);
}

/* ---- asks ---- */

/* libzmq gives localhost:UID:GID:PID, from SO_PEERCRED. There is no second way: where it could not learn this it does
 * not know the descriptor either, and what stands there in both names would be the client's own word. */
static void ask_credentials(zmq_msg_t *message, struct wire_ask *ask) {
    ask->uid = ask->pid = UINT32_MAX;
    const char *address = zmq_msg_gets(message, "Peer-Address");
    uint32_t uid, gid, pid;
    int end = 0;
    /* NOLINTNEXTLINE(cert-err34-c): numbers that the kernel gave and libzmq printed */
    if (!address || sscanf(address, "localhost:%" SCNu32 ":%" SCNu32 ":%" SCNu32 "%n", &uid, &gid, &pid, &end) != 3) return;
    if (address[end] != '\0') return;
    ask->uid = uid;
    ask->pid = pid;
}

bool wire_ask_recv(struct wire *wire, struct wire_ask *ask) {
    *ask = (struct wire_ask){ .uid = UINT32_MAX, .pid = UINT32_MAX };
    if (!wire->control) return false;
    for (int i = 0; i < ASK_DROPS_MAX; i++) {
        if (zmq_msg_recv(&wire->ask_client, wire->control, ZMQ_DONTWAIT) < 0) return false;
        if (!zmq_msg_more(&wire->ask_client)) continue;
        if (zmq_msg_recv(&wire->ask_held, wire->control, ZMQ_DONTWAIT) < 0) return false;
        if (drain_parts(wire->control, &wire->ask_held)) {
            wire->counters.multipart++;
            continue;
        }
        size_t client_len = zmq_msg_size(&wire->ask_client), len = zmq_msg_size(&wire->ask_held);
        if (client_len > sizeof ask->client || len > ASK_BYTES_MAX) {
            wire->counters.oversized++;
            continue;
        }
        memcpy(ask->client, zmq_msg_data(&wire->ask_client), client_len);
        ask->client_len = client_len;
        ask_credentials(&wire->ask_held, ask);
        ask->bytes = lz_bytes_of(zmq_msg_data(&wire->ask_held), len);
        return true;
    }
    return false;
}

bool wire_ask_send(struct wire *wire, const uint8_t *client, size_t client_len, struct lz_bytes bytes) {
    LZ_ASSERT(bytes.len <= ASK_BYTES_MAX);
    if (!wire->control || zmq_send(wire->control, client, client_len, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) return false;
    return zmq_send(wire->control, bytes.data, bytes.len, ZMQ_DONTWAIT) >= 0;
}

/* ---- client ---- */

struct wire_client {
    void *context, *socket;
    zmq_msg_t held;                  /* lent with the bytes */
};

static enum lz_err client_refuse(struct lz_fail *fail, const char *path, int reason) {
    if (reason == EACCES || reason == EPERM)
        return lz_refuse(fail, LZ_unreachable, "无权连接守护进程的套接字 %s：请检查当前用户是否属于该套接字的用户组", path);
    if (reason == ENOENT || reason == ECONNREFUSED)
        return lz_refuse(fail, LZ_unreachable, "连不上守护进程（%s，%s）：请检查守护进程是否在运行、路径是否正确、是否有权限", path,
                         lz_said(fail, reason == ENOENT ? "没有这个套接字" : "无人应答"));
    return lz_refuse(fail, LZ_unreachable, "连不上守护进程（%s）：%s；请检查守护进程是否在运行、是否有权限", path, strerror(reason));
}

enum lz_err wire_client_open(struct wire_client **client_p, const char *path, struct lz_fail *fail) {
    *client_p = NULL;
    int knock = ipc_knock(path);
    if (knock != 0) return client_refuse(fail, path, knock);
    struct wire_client *client = calloc(1, sizeof *client);
    if (!client) return lz_refuse(fail, LZ_wire, "内存不足");
    zmq_msg_init(&client->held);
    char endpoint[IPC_ENDPOINT_MAX];
    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    client->context = zmq_ctx_new();
    client->socket = client->context ? zmq_socket(client->context, ZMQ_DEALER) : NULL;
    if (!client->socket || !control_set(client->socket) || zmq_connect(client->socket, endpoint) != 0) {
        int reason = zmq_errno();
        wire_client_close(&client);
        return lz_refuse(fail, LZ_unreachable, "连不上守护进程（%s）：%s", path, zmq_strerror(reason));
    }
    *client_p = client;
    return LZ_ok;
}

void wire_client_close(struct wire_client **client_p) {
    struct wire_client *client = *client_p;
    if (!client) return;
    zmq_msg_close(&client->held);
    if (client->socket) zmq_close(client->socket);
    while (client->context && zmq_ctx_term(client->context) != 0 && zmq_errno() == EINTR) { }
    free(client);
    *client_p = NULL;
}

enum lz_err wire_client_send(struct wire_client *client, struct lz_bytes bytes) {
    if (bytes.len > ASK_BYTES_MAX) return LZ_too_large;
    return zmq_send(client->socket, bytes.data, bytes.len, ZMQ_DONTWAIT) < 0 ? LZ_unreachable : LZ_ok;
}

enum lz_err wire_client_recv(struct wire_client *client, uint64_t timeout_ms, struct lz_bytes *bytes) {
    *bytes = (struct lz_bytes){ 0 };
    uint64_t now = lz_clock_now().mono_ms, until = now + (timeout_ms < INT32_MAX ? timeout_ms : INT32_MAX);
    for (;;) {
        if (zmq_msg_recv(&client->held, client->socket, ZMQ_DONTWAIT) >= 0) {
            if (drain_parts(client->socket, &client->held)) continue;      /* not from a daemon of ours */
            *bytes = lz_bytes_of(zmq_msg_data(&client->held), zmq_msg_size(&client->held));
            return LZ_ok;
        }
        now = lz_clock_now().mono_ms;
        if (now >= until) return LZ_unreachable;
        zmq_pollitem_t item = { .socket = client->socket, .events = ZMQ_POLLIN };
        (void)zmq_poll(&item, 1, (long)(until - now));
    }
}
