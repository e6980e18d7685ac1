/* The load generator: what its files share.
 *
 * One thread, one epoll set, many client connections. A publication carries a marker with publisher, number and time:
 *
 *     #hub PPPPPP NNNNNNNNNN TTTTTTTTTTTTTTTT xxxx...      (hexadecimal, without the spaces)
 *
 * It needs no escaping in JSON, so a delivery is recognised in whatever a wire wraps around it, several in a frame too.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- histogram.c: nanoseconds in, microseconds out, at most 0.8 % off --- */

enum { HISTOGRAM_BUCKETS = 128 * 44 };

typedef struct {
    uint64_t bucket[HISTOGRAM_BUCKETS], count, min, max;
    double sum;
} Histogram;

void histogram_add(Histogram *histogram, uint64_t nanoseconds);
double histogram_quantile(const Histogram *histogram, double share);
double histogram_mean(const Histogram *histogram);

/* --- template.c: messages with {room}, {conn}, {n} (the connection's command number) and {payload} --- */

enum { MAX_PIECES = 16 };

typedef enum { PIECE_TEXT, PIECE_NUMBER, PIECE_PAYLOAD } PieceKind;

typedef struct {
    PieceKind kind;
    char *text;
    size_t length;
} Piece;

typedef struct {
    Piece piece[MAX_PIECES];
    int count;
} Template;

void template_bind(Template *into, const char *source, int room, int conn);
size_t template_length(const Template *template, uint64_t number, size_t payload);
void template_write(const Template *template, uint64_t number, const char *payload, size_t size, uint8_t *into);
void template_free(Template *template);

/* --- options.c --- */

enum { MAX_STEPS = 16, MARKER_LENGTH = 36 };
#define MARK "#hub"

typedef enum { MODE_ROOM, MODE_ECHO, MODE_CHURN, MODE_IDLE } Mode;

typedef struct {
    bool is_send; /* else: wait for a frame that contains the text */
    const char *text;
} Step;

typedef struct {
    Mode mode;
    const char *mode_name, *path, *message, *subprotocol, *ping, *pong;
    int port, connections, rooms, publishers, window, slow, flooders, sources, concurrency, server_pid;
    double rate, flood_rate, warmup, seconds, trouble_seconds, settle, drain, stall, connect_timeout;
    size_t size;
    bool is_busy, is_browser;
    Step step[MAX_STEPS];
    int steps;
} Options;

extern Options options;
void options_read(int argc, char **argv);

/* --- process.c --- */

uint64_t now_ns(void);
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void *allocate(size_t count, size_t size);
void *resize(void *block, size_t size);
long resident_kb(int pid);
double cpu_seconds(int pid); /* user and system; pid 0 is ourselves */

/* --- connection.c: one client socket --- */

typedef enum { STATE_CLOSED, STATE_CONNECTING, STATE_UPGRADING, STATE_SCRIPTED, STATE_OPEN, STATE_CLOSING } State;
typedef enum { ROLE_MEMBER, ROLE_SLOW, ROLE_FLOODER } Role;
typedef enum { END_NONE, END_CLOSE_FRAME, END_EOF, END_RESET } End;

typedef struct {
    uint8_t *bytes;
    size_t length, capacity;
} Buffer;

/* What one member has of one publisher: the highest number, which of the 63 below it came, and how many in all. */
typedef struct {
    uint64_t last, seen, count;
} Track;

typedef struct {
    int fd, index, room, step;
    State state;
    Role role;
    End end;
    bool is_deaf, is_dirty, has_sent_close;
    uint32_t events;
    unsigned close_code, fragment_opcode;
    Buffer in, out, message;
    size_t flushed; /* bytes of `out` that are gone */
    uint64_t commands, started_at, closed_at, ended_at, received_bytes;
    Track *tracks; /* one for each publisher of its room */
} Connection;

typedef struct {
    uint64_t opening, open, failed, lost, pings, received;
    char error[200]; /* the first one */
} Totals;

extern Totals totals;
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

void connections_prepare(int count);
void connection_start(Connection *connection);
void connection_handle(Connection *connection, uint32_t events);
void connection_send(Connection *connection, const Template *template, const char *payload, size_t size);
void connection_say_goodbye(Connection *connection);
void connection_listen(Connection *connection, bool listens); /* whether it reads */
void connection_abandon(Connection *connection);
void connections_flush(void);
int connections_poll(double seconds); /* handles what happened; returns how many events */
size_t connection_backlog(const Connection *connection);

/* --- ledger.c: what was published, and who got it --- */

typedef struct {
    uint64_t published, skipped, expected, delivered, repeated, reordered, foreign, counted;
    Histogram before, during, completion; /* deliveries before and during trouble; until all members have one */
} Ledger;

typedef struct {
    uint64_t from, trouble, until; /* nanoseconds; publications of [from, until) have their latency counted */
} Span;

extern Ledger ledger;
extern Span span;
void ledger_prepare(Connection *connections);
void ledger_start(void);
void ledger_stop(void);
void ledger_publish(Connection *connection, uint64_t at);
void ledger_read(Connection *connection, const uint8_t *message, size_t length, uint64_t at);
uint64_t ledger_owed(void);
uint64_t ledger_received_by(const Connection *connection);

/* --- churn.c: connect, upgrade, close, again --- */

typedef struct {
    uint64_t cycles, errors;
    bool is_counting;
    Histogram open, close;
} Churn;

extern Churn churn;
void churn_prepare(int slots);
void churn_restart(void);
void churn_opened(Connection *connection, uint64_t at);
void churn_ended(Connection *connection, bool was_clean);

/* --- trouble.c: those who stop reading, and those who send too much --- */

typedef struct {
    uint64_t sent, held_back; /* messages of the flooders; held back while the server did not take them */
} Flood;

extern Flood flood;
void trouble_prepare(Connection *connections, int count);
void trouble_start(uint64_t at);
void trouble_flood(uint64_t at);
void trouble_listen_again(void);
bool trouble_is_settled(void);

/* --- report.c --- */

typedef struct {
    Connection *connections;
    int count;
    uint64_t opened, started, ready, begun, ended, waited; /* connections; then nanoseconds */
    long rss_before, rss_ready, rss_calm, rss_max;
    double server_cpu, own_cpu;
} Run;

bool report_print(const Run *run);

#endif
