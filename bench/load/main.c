/* The phases of a run: connect, settle, warm up, measure, and once more in trouble; drain; say goodbye; report. */
#include "load.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#define IDLE_WAIT 0.02      /* seconds of one poll while nothing is due */
#define MEMORY_INTERVAL 0.1 /* seconds between looks at the server's memory */
#define AFTERMATH 4.0       /* seconds for slow readers to catch up, or to see how they were closed */
#define GOODBYE 0.2         /* seconds for the closes to leave */

static Run run;
static uint64_t next_publication, next_look;
static int next_publisher, started;

static uint64_t now, waited; /* when the last poll ended; how long polls found nothing, since the measurement began */

static double seconds_since(uint64_t then) { return (double)(now - then) / 1e9; }

static void look_at_memory(uint64_t at) {
    if (at < next_look) return;
    next_look = at + (uint64_t)(MEMORY_INTERVAL * 1e9);
    long resident = resident_kb(options.server_pid);
    if (resident > run.rss_max) run.rss_max = resident;
}

/* Publishes what is due by now, the publishers in turn, each as of when it was due. Returns seconds to the next. */
static double publish_due(void) {
    uint64_t interval = (uint64_t)(1e9 / options.rate);
    for (; next_publication <= now; next_publication += interval) {
        ledger_publish(&run.connections[next_publisher], next_publication);
        next_publisher = (next_publisher + 1) % options.publishers;
    }
    double wait = (double)(next_publication - now) / 1e9;
    return wait < IDLE_WAIT ? wait : IDLE_WAIT;
}

typedef bool (*IsDone)(uint64_t since);

static bool is_settled(uint64_t since) { return seconds_since(since) >= options.settle; }
static bool is_warm(uint64_t since) { return seconds_since(since) >= options.warmup; }
static bool is_measured(uint64_t since) { return seconds_since(since) >= options.seconds; }
static bool is_troubled(uint64_t since) { return seconds_since(since) >= options.trouble_seconds; }
static bool is_gone(uint64_t since) { return seconds_since(since) >= GOODBYE; }

static bool is_drained(uint64_t since) {
    bool is_over = options.mode == MODE_CHURN ? totals.opening + totals.open == 0 : ledger_owed() == 0;
    return is_over || seconds_since(since) >= options.drain;
}

static bool is_aftermath_over(uint64_t since) { return trouble_is_settled() || seconds_since(since) >= AFTERMATH; }

static void start_more(void) {
    while (started < run.count && totals.opening < (uint64_t)options.concurrency)
        connection_start(&run.connections[started++]);
}

static bool is_connected(uint64_t since) {
    start_more();
    if (seconds_since(since) >= options.connect_timeout)
        note("only %d connections after %.0f s", (int)totals.open, options.connect_timeout);
    return (started == run.count && !totals.opening) || totals.error[0];
}

/* In a closed loop a single loss stops its publisher; without this the run would wait for nothing to come. */
static void watch_for_stall(void) {
    static uint64_t seen = UINT64_MAX, since;
    if (ledger.delivered != seen) seen = ledger.delivered, since = now;
    else if (ledger_owed() && seconds_since(since) > options.stall) note("nothing arrived for %.0f s", options.stall);
}

typedef enum { QUIET, PUBLISHING, TROUBLED } Activity;

/* One phase: polls, and does what this activity needs, until it is done or something is wrong. */
static void phase(IsDone is_done, Activity activity) {
    uint64_t since = now = now_ns(); /* read once for each poll: each look is a system call on some machines */
    bool is_paced = activity != QUIET && options.rate > 0 && options.publishers;
    while (!is_done(since)) {
        double wait = is_paced ? publish_due() : IDLE_WAIT;
        if (activity == TROUBLED && options.flooders) trouble_flood(now), wait = wait < 0.001 ? wait : 0.001;
        connections_flush();
        int count = connections_poll(options.is_busy && activity != QUIET ? 0 : wait);
        if (options.mode == MODE_CHURN && activity != QUIET) churn_restart(), connections_flush();
        uint64_t before = now;
        now = now_ns();
        if (!count) waited += now - before;
        if (!count || options.server_pid) look_at_memory(now);
        if (activity == PUBLISHING && !is_paced && options.publishers) watch_for_stall();
        if (totals.error[0] && activity == PUBLISHING && !is_paced) return;
    }
}

static void make_connections(void) {
    run.count = options.connections + options.flooders;
    run.connections = allocate((size_t)run.count, sizeof *run.connections);
    for (int i = 0; i < run.count; i++) {
        Connection *one = &run.connections[i];
        bool is_flooder = i >= options.connections;
        one->fd = -1;
        one->index = i;
        one->room = is_flooder ? options.rooms : i % options.rooms;
        one->role = is_flooder ? ROLE_FLOODER : i >= options.connections - options.slow ? ROLE_SLOW : ROLE_MEMBER;
    }
}

static void prepare(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    make_connections();
    connections_prepare(run.count);
    churn_prepare(run.count);
    ledger_prepare(run.connections);
    trouble_prepare(run.connections, run.count);
    span = (Span){UINT64_MAX, UINT64_MAX, UINT64_MAX};
    run.rss_before = run.rss_max = resident_kb(options.server_pid);
    run.started = now_ns();
}

static void open_all(void) {
    if (options.mode != MODE_CHURN) phase(is_connected, QUIET);
    run.ready = now_ns();
    run.opened = totals.open;
    if (!totals.error[0] && options.mode != MODE_CHURN) phase(is_settled, QUIET);
    run.rss_ready = resident_kb(options.server_pid);
}

static void measure(void) {
    bool has_trouble = options.slow || options.flooders;
    next_publication = now_ns();
    if (options.mode == MODE_CHURN) options.concurrency = run.count, start_more();
    ledger_start();
    connections_flush();
    phase(is_warm, PUBLISHING);
    waited = 0;
    run.begun = span.from = now_ns();
    double server_cpu = cpu_seconds(options.server_pid), own_cpu = cpu_seconds(0);
    churn.is_counting = true;
    phase(is_measured, PUBLISHING);
    run.rss_calm = resident_kb(options.server_pid);
    span.trouble = now_ns();
    if (has_trouble) {
        run.rss_max = run.rss_calm;
        trouble_start(span.trouble);
        phase(is_troubled, TROUBLED);
    }
    churn.is_counting = false;
    run.ended = span.until = now_ns();
    run.waited = waited;
    run.server_cpu = cpu_seconds(options.server_pid) - server_cpu;
    run.own_cpu = cpu_seconds(0) - own_cpu;
}

static void finish(void) {
    ledger_stop();
    phase(is_drained, QUIET);
    if (options.slow) {
        trouble_listen_again();
        phase(is_aftermath_over, QUIET);
    }
}

static void say_goodbye(void) {
    for (int i = 0; i < run.count; i++)
        if (run.connections[i].state == STATE_OPEN) connection_say_goodbye(&run.connections[i]);
    phase(is_gone, QUIET);
    for (int i = 0; i < run.count; i++) connection_abandon(&run.connections[i]);
}

int main(int argc, char **argv) {
    options_read(argc, argv);
    prepare();
    open_all();
    if (!totals.error[0]) measure();
    finish();
    bool is_clean = report_print(&run); /* before our own closes change how things stand */
    if (options.mode != MODE_CHURN) say_goodbye();
    return is_clean ? 0 : 1;
}
