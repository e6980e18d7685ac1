/* The result as one JSON object. */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>

enum { MAX_CODES = 32 };

static void print_text(const char *name, const char *text) {
    printf("\"%s\":\"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        putchar((unsigned char)*text < 32 || (unsigned char)*text > 126 ? '?' : *text);
    }
    printf("\",");
}

static void print_histogram(const char *name, const Histogram *found) {
    printf("\"%s\":{\"count\":%" PRIu64 ",\"min\":%.1f,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
           "\"p999\":%.1f,\"max\":%.1f},",
           name, found->count, (double)found->min / 1e3, histogram_mean(found), histogram_quantile(found, 0.5),
           histogram_quantile(found, 0.9), histogram_quantile(found, 0.99), histogram_quantile(found, 0.999),
           (double)found->max / 1e3);
}

static void print_count(const char *name, uint64_t value) { printf("\"%s\":%" PRIu64 ",", name, value); }

static double seconds_measured(const Run *run) {
    return run->begun && run->ended > run->begun ? (double)(run->ended - run->begun) / 1e9 : 0;
}

static double per_second(const Run *run, uint64_t count) {
    double seconds = seconds_measured(run);
    return seconds > 0 ? (double)count / seconds : 0;
}

static void print_deliveries(const Run *run) {
    print_count("published", ledger.published);
    print_count("skipped", ledger.skipped);
    print_count("expected", ledger.expected);
    print_count("delivered", ledger.delivered);
    print_count("missing", ledger_owed());
    print_count("repeated", ledger.repeated);
    print_count("reordered", ledger.reordered);
    print_count("foreign", ledger.foreign);
    printf("\"deliveries_per_s\":%.1f,", per_second(run, ledger.counted));
    print_histogram("latency_us", &ledger.before);
    print_histogram("completion_us", &ledger.completion);
    if (options.slow || options.flooders) print_histogram("trouble_us", &ledger.during);
}

static void print_cycles(const Run *run) {
    print_count("cycles", churn.cycles);
    print_count("cycle_errors", churn.errors);
    printf("\"cycles_per_s\":%.1f,", per_second(run, churn.cycles));
    print_histogram("open_us", &churn.open);
    print_histogram("close_us", &churn.close);
}

/* How those of a role ended. Who does not read may not see its end before it reads again, for what the kernels hold
 * comes first: so it is told how many ended while the trouble lasted, and when the last of these. */
typedef struct {
    unsigned code[MAX_CODES], count[MAX_CODES];
    int codes, eof, reset, still_open, in_time;
    double last;
    uint64_t bytes;
} Ends;

static void count_code(Ends *ends, unsigned code) {
    int at = 0;
    while (at < ends->codes && ends->code[at] != code) at++;
    if (at == MAX_CODES) return;
    if (at == ends->codes) ends->code[ends->codes++] = code;
    ends->count[at]++;
}

static void count_end(Ends *ends, const Connection *one) {
    ends->bytes += one->received_bytes;
    if (one->ended_at > span.trouble && one->ended_at < span.until) {
        double after = (double)(one->ended_at - span.trouble) / 1e9;
        ends->in_time++;
        if (after > ends->last) ends->last = after;
    }
    if (one->close_code) count_code(ends, one->close_code);
    else if (one->state != STATE_CLOSED) ends->still_open++;
    else if (one->end == END_EOF) ends->eof++;
    else ends->reset++;
}

static void print_ends(const Run *run, const char *name, Role role) {
    Ends ends = {.codes = 0};
    for (int i = 0; i < run->count; i++)
        if (run->connections[i].role == role) count_end(&ends, &run->connections[i]);
    printf("\"%s\":{\"closed\":{", name);
    for (int i = 0; i < ends.codes; i++) printf("%s\"%u\":%u", i ? "," : "", ends.code[i], ends.count[i]);
    printf("},\"eof\":%d,\"reset\":%d,\"still_open\":%d,\"ended_in_time\":%d,\"last_ended_after_s\":%.2f,"
           "\"received_bytes\":%" PRIu64 "},",
           ends.eof, ends.reset, ends.still_open, ends.in_time, ends.last, ends.bytes);
}

static void print_server(const Run *run) {
    double seconds = seconds_measured(run);
    printf("\"server\":{\"rss_before_kb\":%ld,\"rss_ready_kb\":%ld,\"rss_calm_kb\":%ld,\"rss_max_kb\":%ld,"
           "\"cpu\":%.3f,\"cpu_us_per_delivery\":%.3f},",
           run->rss_before, run->rss_ready, run->rss_calm, run->rss_max, seconds > 0 ? run->server_cpu / seconds : 0,
           ledger.counted ? run->server_cpu * 1e6 / (double)ledger.counted : 0);
}

static bool is_clean(void) {
    return !totals.failed && !totals.lost && !totals.error[0] && !churn.errors && !ledger_owed() && !ledger.repeated
           && !ledger.reordered && !ledger.foreign && !ledger.skipped;
}

bool report_print(const Run *run) {
    printf("{");
    print_text("mode", options.mode_name);
    print_text("error", totals.error);
    print_count("opened", run->opened);
    print_count("failed", totals.failed);
    print_count("lost", totals.lost);
    print_count("pings", totals.pings);
    print_count("received_bytes", totals.received);
    printf("\"connect_s\":%.3f,\"measured_s\":%.3f,", (double)(run->ready - run->started) / 1e9, seconds_measured(run));
    if (options.mode == MODE_CHURN) print_cycles(run);
    if (options.publishers) print_deliveries(run);
    if (run->begun && options.slow) print_ends(run, "slow", ROLE_SLOW);
    if (run->begun && options.flooders) {
        print_ends(run, "flooders", ROLE_FLOODER);
        print_count("flood_sent", flood.sent);
        print_count("flood_held_back", flood.held_back);
    }
    if (options.server_pid) print_server(run);
    printf("\"busy\":%s,", options.is_busy ? "true" : "false");
    printf("\"own_cpu\":%.3f,", seconds_measured(run) > 0 ? run->own_cpu / seconds_measured(run) : 0);
    if (options.is_busy)
        printf("\"waited\":%.3f,", seconds_measured(run) > 0 ? (double)run->waited / 1e9 / seconds_measured(run) : 0);
    printf("\"clean\":%s}\n", is_clean() ? "true" : "false");
    return is_clean();
}
