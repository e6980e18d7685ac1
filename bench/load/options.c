/* The command line. */
#include "load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Options options = {
    .path = "/", .message = "{payload}", .port = 8000, .connections = 100, .rooms = 1, .publishers = 1, .window = 1,
    .sources = 4, .concurrency = 64, .size = 128, .warmup = 0.5, .seconds = 2, .trouble_seconds = 2, .settle = 0.4,
    .drain = 5, .stall = 5, .connect_timeout = 60,
};

static const char HELP[] =
    "usage: load MODE [options]\n"
    "\n"
    "  room    -n members in -r rooms, -p publishers; each publication goes to every member of its room. Closed loop\n"
    "          with -w outstanding per publisher, or open loop with --rate per second in all; there a latency counts\n"
    "          from when the publication was due. With --slow or --flooders it is measured twice, before and during\n"
    "          the trouble\n"
    "  echo    -n connections, each alone in its room, -w outstanding each\n"
    "  churn   -n at once: connect, upgrade, script, close, and again\n"
    "  idle    -n connections that stay\n"
    "\n"
    "server   --port N   --path TEXT   --server-pid N (for its memory and CPU)   --subprotocol TEXT\n"
    "         --browser  14 header lines, as browsers send\n"
    "wire     --send TEXT, --expect TEXT   after the upgrade, in the order given; TEXT is looked for in a frame\n"
    "         --message TEXT   what publishes (default {payload})   --ping TEXT --pong TEXT   a line that is answered\n"
    "         TEXT may have {room}, {conn}, {n} (counts this connection's messages from 1) and {payload}\n"
    "load     -n connections   -r rooms   -p publishers   -w window   -s payload bytes   --rate per second\n"
    "         --slow K   the last K members stop reading   --flooders K --flood-rate N   in a room of their own\n"
    "time     --settle, --warmup, -t (measured), --trouble (the second time), --drain,\n"
    "         --stall, --connect-timeout: seconds\n"
    "other    --sources N   client addresses 127.0.0.2 and up   --concurrency N   handshakes at once\n"
    "         --busy   poll without sleeping\n"
    "\n"
    "Prints one JSON object. Exit code 0: clean; 1: something lost, repeated, reordered or cut; 2: could not run.\n";

enum {
    OPT_PORT = 256, OPT_PATH, OPT_PID, OPT_SUBPROTOCOL, OPT_BROWSER, OPT_SEND, OPT_EXPECT, OPT_MESSAGE, OPT_PING,
    OPT_PONG, OPT_RATE, OPT_SLOW, OPT_FLOODERS, OPT_FLOOD_RATE, OPT_SETTLE, OPT_WARMUP, OPT_TROUBLE, OPT_DRAIN,
    OPT_STALL, OPT_TIMEOUT, OPT_SOURCES, OPT_CONCURRENCY, OPT_BUSY,
};

static const struct option LONG[] = {
    {"help", 0, 0, 'h'}, {"port", 1, 0, OPT_PORT}, {"path", 1, 0, OPT_PATH}, {"server-pid", 1, 0, OPT_PID},
    {"subprotocol", 1, 0, OPT_SUBPROTOCOL}, {"browser", 0, 0, OPT_BROWSER}, {"send", 1, 0, OPT_SEND},
    {"expect", 1, 0, OPT_EXPECT}, {"message", 1, 0, OPT_MESSAGE}, {"ping", 1, 0, OPT_PING}, {"pong", 1, 0, OPT_PONG},
    {"rate", 1, 0, OPT_RATE}, {"slow", 1, 0, OPT_SLOW}, {"flooders", 1, 0, OPT_FLOODERS},
    {"flood-rate", 1, 0, OPT_FLOOD_RATE}, {"settle", 1, 0, OPT_SETTLE}, {"warmup", 1, 0, OPT_WARMUP},
    {"trouble", 1, 0, OPT_TROUBLE}, {"drain", 1, 0, OPT_DRAIN}, {"stall", 1, 0, OPT_STALL},
    {"connect-timeout", 1, 0, OPT_TIMEOUT},
    {"sources", 1, 0, OPT_SOURCES}, {"concurrency", 1, 0, OPT_CONCURRENCY}, {"busy", 0, 0, OPT_BUSY}, {0, 0, 0, 0},
};

static void add_step(bool is_send, const char *text) {
    if (options.steps == MAX_STEPS) fail("more than %d steps", MAX_STEPS);
    options.step[options.steps++] = (Step){is_send, text};
}

static bool set_time(int option, double value) {
    switch (option) {
    case OPT_SETTLE: options.settle = value; return true;
    case OPT_WARMUP: options.warmup = value; return true;
    case OPT_TROUBLE: options.trouble_seconds = value; return true;
    case OPT_DRAIN: options.drain = value; return true;
    case OPT_STALL: options.stall = value; return true;
    case OPT_TIMEOUT: options.connect_timeout = value; return true;
    case OPT_RATE: options.rate = value; return true;
    case OPT_FLOOD_RATE: options.flood_rate = value; return true;
    case 't': options.seconds = value; return true;
    default: return false;
    }
}

static bool set_count(int option, int value) {
    switch (option) {
    case 'n': options.connections = value; return true;
    case 'r': options.rooms = value; return true;
    case 'p': options.publishers = value; return true;
    case 'w': options.window = value; return true;
    case 's': options.size = (size_t)value; return true;
    case OPT_PORT: options.port = value; return true;
    case OPT_PID: options.server_pid = value; return true;
    case OPT_SLOW: options.slow = value; return true;
    case OPT_FLOODERS: options.flooders = value; return true;
    case OPT_SOURCES: options.sources = value; return true;
    case OPT_CONCURRENCY: options.concurrency = value; return true;
    default: return false;
    }
}

static void set_text(int option, const char *text) {
    switch (option) {
    case OPT_PATH: options.path = text; return;
    case OPT_SUBPROTOCOL: options.subprotocol = text; return;
    case OPT_MESSAGE: options.message = text; return;
    case OPT_PING: options.ping = text; return;
    case OPT_PONG: options.pong = text; return;
    case OPT_SEND: add_step(true, text); return;
    case OPT_EXPECT: add_step(false, text); return;
    case OPT_BROWSER: options.is_browser = true; return;
    case OPT_BUSY: options.is_busy = true; return;
    default: exit(2); /* getopt has said what is wrong */
    }
}

static void choose_mode(const char *name) {
    static const char *const NAMES[] = {"room", "echo", "churn", "idle"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, NAMES[i])) {
            options.mode = (Mode)i;
            options.mode_name = NAMES[i];
            return;
        }
    fail("there is no mode %s; see load --help", name);
}

static void adapt_to_mode(void) {
    if (options.mode == MODE_ECHO) options.rooms = options.publishers = options.connections;
    if (options.mode == MODE_CHURN || options.mode == MODE_IDLE) options.publishers = 0;
    if (options.mode != MODE_ROOM) options.slow = options.flooders = 0;
}

static void check(void) {
    if (options.connections < 1 || options.rooms < 1 || options.window < 1) fail("-n, -r and -w must be at least 1");
    if (options.sources < 1 || options.sources > 250) fail("--sources must be 1 to 250");
    if (options.publishers + options.slow > options.connections) fail("publishers and slow ones must be members");
    if (options.size < MARKER_LENGTH) fail("-s must be at least %d", MARKER_LENGTH);
    if (!strstr(options.message, "{payload}")) fail("--message must contain {payload}");
    if (!options.ping != !options.pong) fail("--ping and --pong belong together");
    if (options.flooders && options.flood_rate <= 0) fail("--flooders needs a --flood-rate");
}

void options_read(int argc, char **argv) {
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        fputs(HELP, stdout);
        exit(argc < 2 ? 2 : 0);
    }
    choose_mode(argv[1]);
    optind = 2;
    for (int option; (option = getopt_long(argc, argv, "hn:r:p:w:s:t:", LONG, NULL)) != -1;) {
        if (optarg && (set_time(option, atof(optarg)) || set_count(option, atoi(optarg)))) continue;
        set_text(option, optarg);
    }
    adapt_to_mode();
    check();
}
