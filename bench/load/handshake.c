/* From the request to an open connection: the upgrade, then the steps that a wire wants before it is of use. */
#define _GNU_SOURCE
#include "connection.h"

#include <stdio.h>
#include <string.h>

enum { MAX_RESPONSE = 16 * 1024 };

/* The nonce and its answer are those of RFC 6455 1.3: a server that computes this one computes all. */
#define NONCE "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void opened(Connection *connection) {
    totals.opening--;
    totals.open++;
    connection->state = STATE_OPEN;
    if (options.mode != MODE_CHURN) return;
    churn_opened(connection, now_ns());
    connection_say_goodbye(connection);
}

static void send_step(Connection *connection, const char *text) {
    Template template;
    template_bind(&template, text, connection->room, connection->index);
    connection_send(connection, &template, "", 0);
    template_free(&template);
}

static void run_script(Connection *connection) {
    while (connection->step < options.steps && options.step[connection->step].is_send)
        send_step(connection, options.step[connection->step++].text);
    if (connection->step == options.steps) opened(connection);
}

/* What is expected may name the room, so it is a template too. */
static bool is_expected(const Connection *connection, const uint8_t *message, size_t length) {
    char text[1024];
    Template template;
    template_bind(&template, options.step[connection->step].text, connection->room, connection->index);
    size_t size = template_length(&template, connection->commands, 0);
    if (size >= sizeof text) fail("an --expect is longer than %zu bytes", sizeof text - 1);
    template_write(&template, connection->commands, "", 0, (uint8_t *)text);
    text[size] = 0;
    template_free(&template);
    return contains(message, length, text);
}

void handshake_message(Connection *connection, const uint8_t *message, size_t length) {
    if (!is_expected(connection, message, length)) return;
    connection->step++;
    run_script(connection);
}

/* With Host, Upgrade, Connection, key, version these are 14 lines, what Chrome sends with a cookie and DNT. */
static const char BROWSER[] =
    "Pragma: no-cache\r\nCache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
    "Safari/537.36\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Cookie: session=6f1ed002ab5595859014ebf0951522d9; theme=dark; consent=1\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nDNT: 1\r\n";

void handshake_request(Connection *connection) {
    Template template;
    char path[512], request[2048];
    template_bind(&template, options.path, connection->room, connection->index);
    size_t size = template_length(&template, 0, 0);
    if (size >= sizeof path) fail("--path is longer than %zu bytes", sizeof path - 1);
    template_write(&template, 0, "", 0, (uint8_t *)path);
    template_free(&template);
    int length = snprintf(request, sizeof request,
                          "GET %.*s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: " NONCE "\r\nSec-WebSocket-Version: 13\r\n%s",
                          (int)size, path, options.port, options.is_browser ? BROWSER : "");
    if (options.is_browser)
        length += snprintf(request + length, sizeof request - (size_t)length, "Origin: http://127.0.0.1:%d\r\n",
                           options.port);
    if (options.subprotocol)
        length += snprintf(request + length, sizeof request - (size_t)length, "Sec-WebSocket-Protocol: %s\r\n",
                           options.subprotocol);
    length += snprintf(request + length, sizeof request - (size_t)length, "\r\n");
    connection->state = STATE_UPGRADING;
    memcpy(connection_reserve(connection, (size_t)length), request, (size_t)length);
    connection->out.length += (size_t)length;
}

/* Returns the bytes of the response, 0 if it is not whole yet. Ends the connection if it is no upgrade. */
size_t handshake_read(Connection *connection, const uint8_t *bytes, size_t length) {
    const uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end && length < MAX_RESPONSE) return 0;
    size_t size = end ? (size_t)(end - bytes) + 4 : length;
    if (!end || memcmp(bytes, "HTTP/1.1 101", 12) || !contains(bytes, size, ACCEPT)) {
        note("no upgrade: %.*s", (int)(length < 80 ? length : 80), (const char *)bytes);
        connection_end(connection, END_RESET);
        return length;
    }
    connection->state = STATE_SCRIPTED;
    run_script(connection);
    return size;
}
