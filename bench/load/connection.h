/* What connection.c, frames.c and handshake.c share; nobody else includes this. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "load.h"

void buffer_append(Buffer *buffer, const void *bytes, size_t length);
bool contains(const uint8_t *bytes, size_t length, const char *text);

/* connection.c */
void connection_end(Connection *connection, End end);
uint8_t *connection_reserve(Connection *connection, size_t more); /* room at the end of what will be sent */
void connection_send_close(Connection *connection);

/* frames.c: RFC 6455 chapter 5 */
void frame_send(Connection *connection, unsigned opcode, const void *bytes, size_t length);
size_t frames_read(Connection *connection, const uint8_t *bytes, size_t length, uint64_t at);

/* handshake.c: RFC 6455 chapter 4, and the script */
void handshake_request(Connection *connection);
size_t handshake_read(Connection *connection, const uint8_t *bytes, size_t length);
void handshake_message(Connection *connection, const uint8_t *message, size_t length);

#endif
