/* Those who stop reading, and those who send too much. What becomes of them is told by the report; nothing of what they
 * get is counted as a delivery. */
#include "load.h"

enum { ENOUGH = 64 * 1024 }; /* bytes a flooder keeps ready for the socket; more would only be our own queue */

Flood flood;
static Connection *everyone;
static int everyone_count;
static Template message;
static uint64_t flood_due;

void trouble_prepare(Connection *connections, int count) {
    everyone = connections;
    everyone_count = count;
    template_bind(&message, options.message, options.rooms, options.connections);
}

static void listen_all(bool listens) {
    for (int i = 0; i < everyone_count; i++)
        if (everyone[i].role == ROLE_SLOW && everyone[i].state == STATE_OPEN) connection_listen(&everyone[i], listens);
}

void trouble_start(uint64_t at) {
    flood_due = at;
    listen_all(false);
}

void trouble_listen_again(void) { listen_all(true); }

static void flood_from(Connection *connection) {
    if (connection->state != STATE_OPEN || connection->has_sent_close) return; /* what came behind would be a reset */
    if (connection_backlog(connection) > ENOUGH) {
        flood.held_back++;
        return;
    }
    flood.sent++;
    connection_send(connection, &message, "flood", 5);
}

/* Sends what is due by now, each flooder at its rate. */
void trouble_flood(uint64_t at) {
    if (!options.flooders) return;
    uint64_t interval = (uint64_t)(1e9 / options.flood_rate);
    for (; flood_due <= at; flood_due += interval)
        for (int i = everyone_count - options.flooders; i < everyone_count; i++) flood_from(&everyone[i]);
}

/* Whether each slow one has ended, or has everything. */
bool trouble_is_settled(void) {
    for (int i = 0; i < everyone_count; i++) {
        const Connection *one = &everyone[i];
        if (one->role == ROLE_SLOW && one->state != STATE_CLOSED && ledger_received_by(one) < ledger.published)
            return false;
    }
    return true;
}
