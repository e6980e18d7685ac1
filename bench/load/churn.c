/* Connect, upgrade, script, close handshake, end of file, and again: each slot on its own. */
#include "load.h"

Churn churn;
static Connection **waiting;
static int waiting_count;

void churn_prepare(int slots) { waiting = allocate((size_t)slots, sizeof *waiting); }

void churn_opened(Connection *connection, uint64_t at) {
    if (churn.is_counting) histogram_add(&churn.open, at - connection->started_at);
}

/* The slot starts again in churn_restart(): whoever called us still holds this connection as it was. */
void churn_ended(Connection *connection, bool was_clean) {
    if (churn.is_counting && was_clean) {
        churn.cycles++;
        histogram_add(&churn.close, now_ns() - connection->closed_at);
    } else if (!was_clean) {
        churn.errors++;
        note("a connection ended before the close handshake");
    }
    waiting[waiting_count++] = connection;
}

void churn_restart(void) {
    int count = waiting_count;
    waiting_count = 0;
    for (int i = 0; i < count; i++) connection_start(waiting[i]);
}
