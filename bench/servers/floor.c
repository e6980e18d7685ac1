/* The floor: what a WebSocket server costs when it does nothing but its duty. One thread, one epoll set.
 *
 *     floor PORT each|joined
 *
 * /room/N joins a room, each message goes to all of it, the sender included; any other path echoes. `each` writes a
 * delivery at once; `joined` writes, at the end of a turn of the loop, all that a room said in it, once to each member.
 * No limits, no heartbeat, no close codes: what this lacks is what the others are paid for.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accept_key.h"

enum { MAX_ROOMS = 1 << 16, READ_SIZE = 512 * 1024, BACKLOG = 4096, EVENTS = 512, NO_ROOM = -1 };

typedef struct {
    uint8_t *bytes;
    size_t length, capacity;
} Buffer;

typedef struct Connection {
    int fd, room, place; /* place: where it stands among the members */
    bool is_open, is_ending;
    Buffer in, out;
    struct Connection *next; /* among those to be freed */
} Connection;

typedef struct {
    Connection **members;
    int count, capacity;
    Buffer pending;
} Room;

static Room rooms[MAX_ROOMS];
static int pending_rooms[MAX_ROOMS], pending_count, poller;
static bool joins;
static uint8_t shared[READ_SIZE];
static Connection *ended;

static void *resize(void *block, size_t size) {
    void *found = realloc(block, size);
    if (!found) abort();
    return found;
}

static void append(Buffer *buffer, const void *bytes, size_t length) {
    if (buffer->length + length > buffer->capacity) {
        buffer->capacity = (buffer->length + length) * 2;
        buffer->bytes = resize(buffer->bytes, buffer->capacity);
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

static void drop_front(Buffer *buffer, size_t count) {
    buffer->length -= count;
    memmove(buffer->bytes, buffer->bytes + count, buffer->length);
}

/* --- rooms --- */

static void join(Connection *connection, int number) {
    Room *room = &rooms[number];
    if (room->count == room->capacity) {
        room->capacity = room->capacity * 2 + 16;
        room->members = resize(room->members, (size_t)room->capacity * sizeof *room->members);
    }
    connection->room = number;
    connection->place = room->count;
    room->members[room->count++] = connection;
}

static void leave(Connection *connection) {
    if (connection->room == NO_ROOM) return;
    Room *room = &rooms[connection->room];
    Connection *last = room->members[--room->count];
    room->members[connection->place] = last;
    last->place = connection->place;
    connection->room = NO_ROOM;
}

/* --- output --- */

static void watch(Connection *connection, bool wants_to_write) {
    struct epoll_event event = {.events = EPOLLIN | (wants_to_write ? EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_MOD, connection->fd, &event);
}

static void write_out(Connection *connection, const uint8_t *bytes, size_t length) {
    ssize_t sent = 0;
    if (connection->is_ending) return;
    if (!connection->out.length) {
        sent = send(connection->fd, bytes, length, MSG_NOSIGNAL);
        if (sent == (ssize_t)length) return;
        if (sent < 0 && errno != EAGAIN) return; /* its end will be read */
        if (sent < 0) sent = 0;
        watch(connection, true);
    }
    append(&connection->out, bytes + sent, length - (size_t)sent);
}

static void write_rest(Connection *connection) {
    ssize_t sent = send(connection->fd, connection->out.bytes, connection->out.length, MSG_NOSIGNAL);
    if (sent > 0) drop_front(&connection->out, (size_t)sent);
    if (!connection->out.length) watch(connection, false);
}

static void add_frame(Buffer *into, unsigned opcode, const uint8_t *body, size_t length) {
    uint8_t head[10] = {(uint8_t)(0x80 | opcode)};
    int bytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
    head[1] = (uint8_t)(bytes == 0 ? length : bytes == 2 ? 126 : 127);
    for (int i = 0; i < bytes; i++) head[2 + i] = (uint8_t)((uint64_t)length >> 8 * (bytes - 1 - i));
    append(into, head, 2 + (size_t)bytes);
    append(into, body, length);
}

static void flush_room(Room *room) {
    for (int i = 0; i < room->count; i++) write_out(room->members[i], room->pending.bytes, room->pending.length);
    room->pending.length = 0;
}

static void broadcast(int number, unsigned opcode, const uint8_t *body, size_t length) {
    Room *room = &rooms[number];
    if (joins && !room->pending.length) pending_rooms[pending_count++] = number;
    add_frame(&room->pending, opcode, body, length);
    if (!joins) flush_room(room);
}

static void answer(Connection *connection, unsigned opcode, const uint8_t *body, size_t length) {
    static Buffer frame;
    frame.length = 0;
    add_frame(&frame, opcode, body, length);
    write_out(connection, frame.bytes, frame.length);
}

/* --- input --- */

static void on_frame(Connection *connection, unsigned opcode, const uint8_t *body, size_t length) {
    if (opcode == 8) {
        answer(connection, 8, body, length);
        connection->is_ending = true;
    } else if (opcode == 9) {
        answer(connection, 10, body, length);
    } else if (opcode == 1 || opcode == 2) {
        if (connection->room == NO_ROOM) answer(connection, opcode, body, length);
        else broadcast(connection->room, opcode, body, length);
    }
}

/* Returns the bytes of the request, 0 if it is not whole yet. */
static size_t read_request(Connection *connection, const uint8_t *bytes, size_t length) {
    static const char NAME[] = "Sec-WebSocket-Key: ";
    char key[ACCEPT_KEY_SIZE], response[256];
    const uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
    const uint8_t *found = memmem(bytes, length, NAME, sizeof NAME - 1);
    if (!end) return 0;
    if (!found || end - found < (ptrdiff_t)(sizeof NAME - 1 + KEY_LENGTH)) {
        connection->is_ending = true;
        return length;
    }
    accept_key(found + sizeof NAME - 1, key);
    int size = snprintf(response, sizeof response,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n\r\n", key);
    if (!memcmp(bytes, "GET /room/", 10)) join(connection, atoi((const char *)bytes + 10) % MAX_ROOMS);
    connection->is_open = true;
    write_out(connection, (uint8_t *)response, (size_t)size);
    return (size_t)(end - bytes) + 4;
}

/* Unmasks in place. Returns the bytes of one frame, 0 if it is not whole yet. */
static size_t read_frame(Connection *connection, uint8_t *bytes, size_t available) {
    if (available < 2) return 0;
    uint64_t length = bytes[1] & 127;
    size_t more = length < 126 ? 0 : length == 126 ? 2 : 8, head = 6 + more;
    if (available < head) return 0;
    if (more) length = 0;
    for (size_t i = 0; i < more; i++) length = length << 8 | bytes[2 + i];
    if (available - head < length) return 0;
    const uint8_t *mask = bytes + head - 4;
    for (uint64_t i = 0; i < length; i++) bytes[head + i] ^= mask[i & 3];
    on_frame(connection, bytes[0] & 15, bytes + head, length);
    return head + length;
}

static size_t read_all(Connection *connection, uint8_t *bytes, size_t length) {
    size_t used = connection->is_open ? 0 : read_request(connection, bytes, length), step = 1;
    while (connection->is_open && !connection->is_ending && step) {
        step = read_frame(connection, bytes + used, length - used);
        used += step;
    }
    return used;
}

static void end(Connection *connection) {
    leave(connection);
    close(connection->fd);
    connection->next = ended; /* freed after the turn: its events may still be among those being handled */
    ended = connection;
}

static void free_ended(void) {
    while (ended) {
        Connection *next = ended->next;
        free(ended->in.bytes);
        free(ended->out.bytes);
        free(ended);
        ended = next;
    }
}

static void on_readable(Connection *connection) {
    Buffer *in = &connection->in;
    ssize_t got = recv(connection->fd, shared, READ_SIZE, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        end(connection);
        return;
    }
    if (in->length) {
        append(in, shared, (size_t)got);
        drop_front(in, read_all(connection, in->bytes, in->length));
    } else {
        size_t used = read_all(connection, shared, (size_t)got);
        if (used < (size_t)got) append(in, shared + used, (size_t)got - used);
    }
    if (connection->is_ending) end(connection);
}

/* --- the loop --- */

static void accept_some(int listener) {
    int yes = 1, fd;
    for (int i = 0; i < 64 && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0; i++) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        Connection *connection = memset(resize(NULL, sizeof *connection), 0, sizeof *connection);
        connection->fd = fd;
        connection->room = NO_ROOM;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(int port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, BACKLOG)) {
        perror("floor: could not listen");
        exit(1);
    }
    return listener;
}

static void turn(int listener) {
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
        Connection *connection = events[i].data.ptr;
        if (!connection) {
            accept_some(listener);
            continue;
        }
        if (events[i].events & EPOLLOUT && connection->out.length) write_rest(connection);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(connection);
    }
    for (int i = 0; i < pending_count; i++) flush_room(&rooms[pending_rooms[i]]);
    pending_count = 0;
    free_ended();
}

int main(int argc, char **argv) {
    if (argc != 3 || (strcmp(argv[2], "each") && strcmp(argv[2], "joined"))) {
        fputs("usage: floor PORT each|joined\n", stderr);
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    joins = !strcmp(argv[2], "joined");
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on(atoi(argv[1]));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) turn(listener);
}
