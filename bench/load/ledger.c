/* What was published, and who got it: nothing is believed of the server.
 *
 * Each member keeps, for each publisher of its room, the highest number it got and which of the 63 below it. So a loss,
 * a repeat and a changed order are three different counts. What is older than that window cannot be told from a repeat
 * and counts as reordered, not as delivered: a doubt never hides a loss.
 */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>

enum { OPEN_LOOP_WINDOW = 4096, MAX_BACKLOG = 16 * 1024 * 1024 };

typedef struct {
    uint64_t number, at;
    int left; /* members that do not have it yet */
} Outstanding;

typedef struct {
    Connection *connection;
    Template message;
    int room, place; /* place: which of its room's publishers it is */
    uint64_t number;
    Outstanding *outstanding;
    uint64_t window; /* a power of two */
} Publisher;

Ledger ledger;
Span span;
static Publisher *publishers;
static int *members_of, *publishers_of;
static bool is_publishing;
static char *payload;
static uint8_t value_of_digit[256];

static uint64_t window_size(void) {
    uint64_t wanted = options.rate > 0 ? OPEN_LOOP_WINDOW : (uint64_t)options.window, size = 2;
    while (size < wanted * 2) size *= 2;
    return size;
}

static void prepare_publisher(Publisher *publisher, Connection *connection) {
    publisher->connection = connection;
    publisher->room = connection->room;
    publisher->place = publishers_of[connection->room]++;
    publisher->window = window_size();
    publisher->outstanding = allocate(publisher->window, sizeof *publisher->outstanding);
    template_bind(&publisher->message, options.message, connection->room, connection->index);
}

void ledger_prepare(Connection *connections) {
    for (int i = 0; i < 16; i++) value_of_digit[(uint8_t)"0123456789abcdef"[i]] = (uint8_t)i;
    publishers = allocate((size_t)options.publishers, sizeof *publishers);
    members_of = allocate((size_t)options.rooms, sizeof *members_of);
    publishers_of = allocate((size_t)options.rooms, sizeof *publishers_of);
    payload = memset(allocate(options.size, 1), 'x', options.size);
    memcpy(payload, MARK, 4);
    for (int i = 0; i < options.publishers; i++) prepare_publisher(&publishers[i], &connections[i]);
    for (int i = 0; i < options.connections; i++) {
        if (connections[i].role == ROLE_MEMBER) members_of[connections[i].room]++;
        connections[i].tracks = allocate((size_t)publishers_of[connections[i].room], sizeof(Track));
    }
}

static void write_digits(char *into, uint64_t value, int count) {
    while (count--) {
        into[count] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

static uint64_t read_digits(const uint8_t *from, int count) {
    uint64_t value = 0;
    while (count--) value = value << 4 | value_of_digit[*from++];
    return value;
}

static void publish(Publisher *publisher, uint64_t at) {
    Connection *connection = publisher->connection;
    if (connection->state != STATE_OPEN) return;
    if (connection_backlog(connection) > MAX_BACKLOG) {
        ledger.skipped++;
        return;
    }
    uint64_t number = ++publisher->number;
    write_digits(payload + 4, (uint64_t)(publisher - publishers), 6);
    write_digits(payload + 10, number, 10);
    write_digits(payload + 20, at, 16);
    publisher->outstanding[number & (publisher->window - 1)] = (Outstanding){number, at, members_of[publisher->room]};
    ledger.published++;
    ledger.expected += (uint64_t)members_of[publisher->room];
    connection_send(connection, &publisher->message, payload, options.size);
}

void ledger_publish(Connection *connection, uint64_t at) { publish(&publishers[connection->index], at); }

/* Closed loop: fills every window. From then on each completed publication is followed by the next. */
void ledger_start(void) {
    is_publishing = options.rate <= 0;
    for (int i = 0; is_publishing && i < options.publishers; i++)
        for (int k = 0; k < options.window; k++) publish(&publishers[i], now_ns());
}

void ledger_stop(void) { is_publishing = false; }

static bool is_first(Track *track, uint64_t number) {
    if (number > track->last) {
        uint64_t step = number - track->last;
        track->seen = step > 63 ? 1 : track->seen << step | 1;
        track->last = number;
        return true;
    }
    uint64_t back = track->last - number;
    bool is_repeat = back < 64 && track->seen >> back & 1;
    if (is_repeat) ledger.repeated++;
    else ledger.reordered++;
    if (is_repeat || back >= 64) return false;
    track->seen |= 1ull << back;
    return true;
}

static void count_latency(uint64_t sent, uint64_t at) {
    if (sent < span.from || sent >= span.until) return;
    histogram_add(sent < span.trouble ? &ledger.before : &ledger.during, at > sent ? at - sent : 0);
}

static void complete(Publisher *publisher, const Outstanding *done, uint64_t at) {
    if (done->at >= span.from && done->at < span.until) histogram_add(&ledger.completion, at - done->at);
    if (is_publishing) publish(publisher, now_ns());
}

static void on_delivery(Connection *connection, const uint8_t *marker, uint64_t at) {
    uint64_t which = read_digits(marker + 4, 6), number = read_digits(marker + 10, 10);
    uint64_t sent = read_digits(marker + 20, 16);
    Publisher *publisher = which < (uint64_t)options.publishers ? &publishers[which] : NULL;
    if (!publisher || publisher->room != connection->room || !number || number > publisher->number) {
        ledger.foreign++;
        return;
    }
    Track *track = &connection->tracks[publisher->place];
    if (!is_first(track, number)) return;
    track->count++;
    if (connection->role != ROLE_MEMBER) return;
    ledger.delivered++;
    if (at >= span.from && at < span.until) ledger.counted++;
    count_latency(sent, at);
    Outstanding *done = &publisher->outstanding[number & (publisher->window - 1)];
    if (done->number == number && --done->left == 0) complete(publisher, done, at);
}

/* The first whole marker, or NULL. By its first byte, which is rare in what servers add to a payload: memmem() took more
 * than a quarter of a core with frames of 350 bytes, and then the load was what a room of 16 publications waited for. */
static const uint8_t *find_marker(const uint8_t *from, const uint8_t *end) {
    while (end - from >= MARKER_LENGTH) {
        const uint8_t *found = memchr(from, MARK[0], (size_t)(end - from) - MARKER_LENGTH + 1);
        if (!found || !memcmp(found, MARK, 4)) return found;
        from = found + 1;
    }
    return NULL;
}

void ledger_read(Connection *connection, const uint8_t *message, size_t length, uint64_t at) {
    const uint8_t *end = message + length, *marker;
    if (!connection->tracks) return; /* a flooder: what it gets is counted nowhere */
    while ((marker = find_marker(message, end))) {
        on_delivery(connection, marker, at);
        size_t rest = (size_t)(end - marker);
        message = marker + (rest < options.size ? rest : options.size);
    }
}

uint64_t ledger_owed(void) { return ledger.expected - ledger.delivered; }

uint64_t ledger_received_by(const Connection *connection) {
    uint64_t count = 0;
    int tracks = connection->tracks ? publishers_of[connection->room] : 0;
    for (int i = 0; i < tracks; i++) count += connection->tracks[i].count;
    return count;
}
