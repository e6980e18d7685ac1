/* Messages with places to fill in. Room and connection are filled in once, number and payload each time. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(Template *into, PieceKind kind, const char *text, size_t length) {
    if (into->count == MAX_PIECES) fail("a message has more than %d places", MAX_PIECES);
    Piece *piece = &into->piece[into->count++];
    piece->kind = kind;
    piece->length = length;
    piece->text = length ? strndup(text, length) : NULL;
}

static void add_int(Template *into, int value) {
    char text[16];
    add(into, PIECE_TEXT, text, (size_t)snprintf(text, sizeof text, "%d", value));
}

void template_bind(Template *into, const char *source, int room, int conn) {
    into->count = 0;
    while (*source) {
        size_t plain = strcspn(source, "{");
        if (plain) add(into, PIECE_TEXT, source, plain);
        source += plain;
        if (!strncmp(source, "{room}", 6)) add_int(into, room), source += 6;
        else if (!strncmp(source, "{conn}", 6)) add_int(into, conn), source += 6;
        else if (!strncmp(source, "{n}", 3)) add(into, PIECE_NUMBER, NULL, 0), source += 3;
        else if (!strncmp(source, "{payload}", 9)) add(into, PIECE_PAYLOAD, NULL, 0), source += 9;
        else if (*source) { /* a brace of JSON; it takes the text up to the next one along */
            size_t more = 1 + strcspn(source + 1, "{");
            add(into, PIECE_TEXT, source, more);
            source += more;
        }
    }
}

static int digits(uint64_t number) {
    int count = 1;
    while (number >= 10) number /= 10, count++;
    return count;
}

size_t template_length(const Template *template, uint64_t number, size_t payload) {
    size_t length = 0;
    for (int i = 0; i < template->count; i++) {
        const Piece *piece = &template->piece[i];
        if (piece->kind == PIECE_TEXT) length += piece->length;
        else length += piece->kind == PIECE_PAYLOAD ? payload : (size_t)digits(number);
    }
    return length;
}

void template_write(const Template *template, uint64_t number, const char *payload, size_t size, uint8_t *into) {
    for (int i = 0; i < template->count; i++) {
        const Piece *piece = &template->piece[i];
        if (piece->kind == PIECE_TEXT) {
            memcpy(into, piece->text, piece->length);
            into += piece->length;
        } else if (piece->kind == PIECE_PAYLOAD) {
            memcpy(into, payload, size);
            into += size;
        } else {
            int count = digits(number);
            uint64_t rest = number;
            for (int at = count; at--; rest /= 10) into[at] = (uint8_t)('0' + rest % 10);
            into += count;
        }
    }
}

void template_free(Template *template) {
    for (int i = 0; i < template->count; i++) free(template->piece[i].text);
    template->count = 0;
}
