/* Frames: written masked, read unmasked, fragments put together; pings answered, closes noted. */
#define _GNU_SOURCE
#include "connection.h"

#include <string.h>

enum { MAX_MESSAGE = 4 * 1024 * 1024 };

/* --- out --- */

static uint32_t mask_state = 2463534242u; /* any but 0; xorshift, for masks need not be secret here */

static uint32_t next_mask(void) {
    mask_state ^= mask_state << 13;
    mask_state ^= mask_state >> 17;
    return mask_state ^= mask_state << 5;
}

/* Writes the head of a frame of `length` bytes; the caller fills those and calls frame_mask(). */
static uint8_t *frame_begin(Connection *connection, unsigned opcode, size_t length) {
    uint8_t *head = connection_reserve(connection, length + 14);
    int bytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
    head[0] = (uint8_t)(0x80 | opcode);
    head[1] = (uint8_t)(0x80 | (bytes == 0 ? length : bytes == 2 ? 126 : 127));
    for (int i = 0; i < bytes; i++) head[2 + i] = (uint8_t)((uint64_t)length >> 8 * (bytes - 1 - i));
    uint32_t mask = next_mask();
    memcpy(head + 2 + bytes, &mask, 4);
    connection->out.length += 6 + (size_t)bytes + length;
    return head + 6 + bytes;
}

static void frame_mask(uint8_t *body, size_t length) {
    uint64_t wide;
    size_t at = 0;
    memcpy(&wide, body - 4, 4);
    memcpy((uint8_t *)&wide + 4, body - 4, 4);
    for (uint64_t word; at + 8 <= length; at += 8) {
        memcpy(&word, body + at, 8);
        word ^= wide;
        memcpy(body + at, &word, 8);
    }
    for (; at < length; at++) body[at] ^= ((uint8_t *)&wide)[at % 8];
}

void frame_send(Connection *connection, unsigned opcode, const void *bytes, size_t length) {
    uint8_t *body = frame_begin(connection, opcode, length);
    memcpy(body, bytes, length);
    frame_mask(body, length);
}

void connection_send(Connection *connection, const Template *template, const char *payload, size_t size) {
    uint64_t number = ++connection->commands;
    size_t length = template_length(template, number, size);
    uint8_t *body = frame_begin(connection, 1, length);
    template_write(template, number, payload, size, body);
    frame_mask(body, length);
}

/* --- in --- */

/* Some wires ping with a message of their own, which may be a line among others. */
static bool has_line(const uint8_t *message, size_t length, const char *line) {
    size_t size = strlen(line);
    for (size_t at = 0; at + size <= length;) {
        const uint8_t *end = memchr(message + at, '\n', length - at);
        size_t stop = end ? (size_t)(end - message) : length;
        if (stop - at == size && !memcmp(message + at, line, size)) return true;
        at = stop + 1;
    }
    return false;
}

static void on_message(Connection *connection, const uint8_t *message, size_t length, uint64_t at) {
    if (options.ping && has_line(message, length, options.ping)) {
        totals.pings++;
        frame_send(connection, 1, options.pong, strlen(options.pong));
    }
    if (connection->state == STATE_SCRIPTED) {
        handshake_message(connection, message, length);
    } else {
        ledger_read(connection, message, length, at);
    }
}

static void on_close(Connection *connection, const uint8_t *body, size_t length) {
    connection->close_code = length >= 2 ? (unsigned)(body[0] << 8 | body[1]) : 1005; /* 1005: none, RFC 6455 7.1.5 */
    if (!connection->ended_at) connection->ended_at = now_ns();
    if (connection->state == STATE_CLOSING) return;
    if (connection->role == ROLE_MEMBER)
        note("the server closed with %u %.*s", connection->close_code, length > 2 ? (int)length - 2 : 0,
             (const char *)body + 2);
    connection_send_close(connection);
}

typedef struct {
    unsigned opcode;
    bool is_last;
    size_t head, length;
} FrameHead;

/* Returns false if the head is not whole yet. */
static bool read_head(const uint8_t *bytes, size_t available, FrameHead *head) {
    if (available < 2) return false;
    size_t more = bytes[1] < 126 ? 0 : bytes[1] == 126 ? 2 : 8;
    if (available < 2 + more) return false;
    uint64_t length = more ? 0 : bytes[1];
    for (size_t i = 0; i < more; i++) length = length << 8 | bytes[2 + i];
    *head = (FrameHead){bytes[0] & 15, (bytes[0] & 0x80) != 0, 2 + more, (size_t)length};
    return true;
}

static void on_part(Connection *connection, const FrameHead *head, const uint8_t *body, uint64_t at) {
    if (head->opcode && head->is_last) {
        on_message(connection, body, head->length, at);
        return;
    }
    if (head->opcode) connection->message.length = 0;
    buffer_append(&connection->message, body, head->length);
    if (head->is_last) on_message(connection, connection->message.bytes, connection->message.length, at);
}

static void on_frame(Connection *connection, const FrameHead *head, const uint8_t *body, uint64_t at) {
    if (head->opcode == 8) on_close(connection, body, head->length);
    else if (head->opcode == 9) totals.pings++, frame_send(connection, 10, body, head->length);
    else if (head->opcode < 3) on_part(connection, head, body, at);
}

/* Returns how many bytes were used. */
size_t frames_read(Connection *connection, const uint8_t *bytes, size_t length, uint64_t at) {
    size_t used = 0;
    FrameHead head;
    while (connection->fd >= 0 && length - used >= 2) {
        const uint8_t *start = bytes + used;
        if (start[1] & 0x80 || start[0] & 0x70) {
            note("the server sent a masked frame or reserved bits: %02x %02x", start[0], start[1]);
            connection_end(connection, END_RESET);
            return length;
        }
        if (!read_head(start, length - used, &head)) break;
        if (head.length > MAX_MESSAGE) fail("the server sent a frame of %zu bytes", head.length);
        if (length - used < head.head + head.length) break;
        used += head.head + head.length;
        on_frame(connection, &head, start + head.head, at);
    }
    return used;
}
