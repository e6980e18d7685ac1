/* One client socket: how it starts, writes, reads and ends.
 *
 * Every connection that opens ends in connection_end(), once. Writes are collected and leave in connections_flush(),
 * so what one turn of the loop has to say to a server is one send().
 */
#define _GNU_SOURCE
#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_SIZE = 256 * 1024,
    MORE_SIZE = 16 * 1024, /* beside the beginning of a frame; small, for there are thousands */
    SLOW_RECEIVE_BUFFER = 4096, /* so that the backlog of who does not read is the server's, not our kernel's */
    EVENTS = 1024,
};

Totals totals;
static int poller;
static uint8_t shared[READ_SIZE];
static Connection **dirty; /* who has something to send */
static int dirty_count;

void note(const char *format, ...) {
    if (totals.error[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(totals.error, sizeof totals.error, format, arguments);
    va_end(arguments);
}

bool contains(const uint8_t *bytes, size_t length, const char *text) {
    return memmem(bytes, length, text, strlen(text)) != NULL;
}

void connections_prepare(int count) {
    poller = epoll_create1(EPOLL_CLOEXEC);
    dirty = allocate((size_t)count, sizeof *dirty);
}

size_t connection_backlog(const Connection *connection) { return connection->out.length - connection->flushed; }

static void reserve(Buffer *buffer, size_t more) {
    if (buffer->length + more <= buffer->capacity) return;
    buffer->capacity = (buffer->length + more) * 2;
    buffer->bytes = resize(buffer->bytes, buffer->capacity);
}

void buffer_append(Buffer *buffer, const void *bytes, size_t length) {
    reserve(buffer, length);
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

/* --- the end --- */

void connection_end(Connection *connection, End end) {
    bool was_open = connection->state == STATE_OPEN, was_closing = connection->state == STATE_CLOSING;
    close(connection->fd);
    connection->fd = -1;
    connection->state = STATE_CLOSED;
    connection->end = connection->close_code ? END_CLOSE_FRAME : end;
    connection->out.length = connection->flushed = connection->in.length = 0;
    if (!connection->ended_at) connection->ended_at = now_ns();
    if (was_open) totals.open--;
    if (!was_open && !was_closing) totals.opening--;
    if (options.mode == MODE_CHURN) churn_ended(connection, was_closing && connection->close_code);
    else if (was_open && connection->role == ROLE_MEMBER) totals.lost++;
    else if (!was_open && !was_closing) totals.failed++;
}

void connection_abandon(Connection *connection) {
    if (connection->fd >= 0) close(connection->fd);
    connection->fd = -1;
}

/* --- output --- */

static void want(Connection *connection, bool has_more) {
    uint32_t events = connection->is_deaf ? EPOLLRDHUP : EPOLLIN;
    if (has_more) events |= EPOLLOUT;
    if (connection->events == events || connection->fd < 0) return;
    connection->events = events;
    struct epoll_event event = {.events = events, .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_MOD, connection->fd, &event);
}

void connection_listen(Connection *connection, bool listens) {
    connection->is_deaf = !listens;
    want(connection, connection_backlog(connection) > 0);
}

static void flush(Connection *connection) {
    while (connection->fd >= 0 && connection_backlog(connection)) {
        const uint8_t *from = connection->out.bytes + connection->flushed;
        ssize_t sent = send(connection->fd, from, connection_backlog(connection), MSG_NOSIGNAL);
        if (sent > 0) {
            connection->flushed += (size_t)sent;
        } else if (errno == EAGAIN) {
            want(connection, true);
            return;
        } else if (errno != EINTR) {
            note("could not send: %s", strerror(errno));
            connection_end(connection, END_RESET);
            return;
        }
    }
    connection->out.length = connection->flushed = 0;
    want(connection, false);
}

void connections_flush(void) {
    for (int i = 0; i < dirty_count; i++) {
        dirty[i]->is_dirty = false;
        flush(dirty[i]);
    }
    dirty_count = 0;
}

uint8_t *connection_reserve(Connection *connection, size_t more) {
    Buffer *out = &connection->out;
    if (connection->flushed && out->length + more > out->capacity) {
        out->length -= connection->flushed;
        memmove(out->bytes, out->bytes + connection->flushed, out->length);
        connection->flushed = 0;
    }
    reserve(out, more);
    if (!connection->is_dirty) {
        connection->is_dirty = true;
        dirty[dirty_count++] = connection;
    }
    return out->bytes + out->length;
}

void connection_send_close(Connection *connection) {
    static const uint8_t NORMAL[2] = {0x03, 0xe8}; /* 1000 */
    if (connection->has_sent_close) return;
    connection->has_sent_close = true;
    frame_send(connection, 8, NORMAL, sizeof NORMAL);
}

void connection_say_goodbye(Connection *connection) {
    if (connection->state == STATE_OPEN) totals.open--;
    connection->state = STATE_CLOSING;
    connection->closed_at = now_ns();
    connection_send_close(connection);
}

/* --- the beginning --- */

/* Addresses of 127/8 spread the connections: one has but 28,000 ports, and a closed connection keeps its a minute. */
static void bind_source(const Connection *connection) {
    int yes = 1;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(0x7f000002u + (uint32_t)(connection->index % options.sources));
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(connection->fd, (struct sockaddr *)&source, sizeof source)) fail("could not bind: %s", strerror(errno));
}

void connection_start(Connection *connection) {
    int yes = 1, small = SLOW_RECEIVE_BUFFER;
    Connection fresh = {
        .index = connection->index, .room = connection->room, .role = connection->role, .tracks = connection->tracks,
        .in = connection->in, .out = connection->out, .message = connection->message,
        .is_dirty = connection->is_dirty, .state = STATE_CONNECTING, .started_at = now_ns(),
        .events = EPOLLIN | EPOLLOUT,
    };
    fresh.in.length = fresh.out.length = fresh.message.length = 0;
    *connection = fresh;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) fail("could not make a socket: %s; raise the limit of open files", strerror(errno));
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connection->role == ROLE_SLOW) setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    bind_source(connection);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    totals.opening++;
    if (connect(connection->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
        note("could not connect: %s", strerror(errno));
        connection_end(connection, END_RESET);
        return;
    }
    struct epoll_event event = {.events = connection->events, .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_ADD, connection->fd, &event);
}

/* --- input --- */

static void keep_rest(Connection *connection, const uint8_t *bytes, size_t length, size_t used) {
    size_t rest = length - used;
    if (bytes != shared) memmove(connection->in.bytes, bytes + used, rest);
    else if (rest) connection->in.length = 0, buffer_append(&connection->in, bytes + used, rest);
    connection->in.length = rest;
}

static void on_bytes(Connection *connection, const uint8_t *bytes, size_t length) {
    uint64_t at = now_ns();
    size_t used = 0;
    if (connection->state == STATE_UPGRADING) used = handshake_read(connection, bytes, length);
    if (connection->fd >= 0 && connection->state >= STATE_SCRIPTED && used < length)
        used += frames_read(connection, bytes + used, length - used, at);
    if (connection->fd >= 0) keep_rest(connection, bytes, length, used);
}

static void read_socket(Connection *connection) {
    uint8_t *into = shared;
    size_t room = READ_SIZE, kept = connection->in.length;
    if (kept) {
        reserve(&connection->in, MORE_SIZE);
        into = connection->in.bytes + kept;
        room = connection->in.capacity - kept;
    }
    ssize_t got = recv(connection->fd, into, room, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        connection_end(connection, got ? END_RESET : END_EOF);
        return;
    }
    totals.received += (uint64_t)got;
    connection->received_bytes += (uint64_t)got;
    on_bytes(connection, kept ? connection->in.bytes : shared, kept + (size_t)got);
}

static void finish_connect(Connection *connection) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        note("could not connect: %s", strerror(error));
        connection_end(connection, END_RESET);
    } else {
        handshake_request(connection);
    }
}

/* Who does not read learns of the end all the same; then it reads what is left, to see how it was told. */
static void on_end_unheard(Connection *connection) {
    connection->ended_at = now_ns();
    connection_listen(connection, true);
}

void connection_handle(Connection *connection, uint32_t events) {
    const uint32_t ended = EPOLLHUP | EPOLLERR | EPOLLRDHUP;
    if (connection->fd < 0) return;
    if (connection->state == STATE_CONNECTING) {
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) finish_connect(connection);
        return;
    }
    if (connection->is_deaf && events & ended) on_end_unheard(connection);
    if (events & EPOLLOUT) flush(connection);
    if (connection->fd >= 0 && !connection->is_deaf && events & (EPOLLIN | ended)) read_socket(connection);
}

int connections_poll(double seconds) {
    static struct epoll_event events[EVENTS];
    struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    int count = epoll_pwait2(poller, events, EVENTS, &wait, NULL);
    if (count < 0 && errno != EINTR) fail("could not poll: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        connection_handle(events[i].data.ptr, events[i].events);
        connections_flush();
    }
    return count;
}
