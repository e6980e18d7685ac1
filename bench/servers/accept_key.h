/* Sec-WebSocket-Accept of a key: base64 of the SHA-1 of the key and a fixed text (RFC 6455 4.2.2, RFC 3174). */
#ifndef ACCEPT_KEY_H
#define ACCEPT_KEY_H

#include <stdint.h>
#include <string.h>

enum { KEY_LENGTH = 24, ACCEPT_KEY_SIZE = 29 };

static uint32_t rotated(uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

static void sha1_block(uint32_t state[5], const uint8_t block[64]) {
    uint32_t word[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 16; i++)
        word[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8
                  | block[4 * i + 3];
    for (int i = 16; i < 80; i++) word[i] = rotated(word[i - 3] ^ word[i - 8] ^ word[i - 14] ^ word[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t mixed, constant;
        if (i < 20) mixed = (b & c) | (~b & d), constant = 0x5A827999;
        else if (i < 40) mixed = b ^ c ^ d, constant = 0x6ED9EBA1;
        else if (i < 60) mixed = (b & c) | (b & d) | (c & d), constant = 0x8F1BBCDC;
        else mixed = b ^ c ^ d, constant = 0xCA62C1D6;
        uint32_t next = rotated(a, 5) + mixed + e + constant + word[i];
        e = d, d = c, c = rotated(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

/* 60 bytes of text, so two blocks, of which the second is padding and the length in bits. */
static void accept_digest(const uint8_t *key, uint8_t digest[20]) {
    uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t blocks[128] = {0};
    memcpy(blocks, key, KEY_LENGTH);
    memcpy(blocks + KEY_LENGTH, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    blocks[60] = 0x80;
    blocks[126] = 60 * 8 >> 8;
    blocks[127] = 60 * 8 & 255;
    sha1_block(state, blocks);
    sha1_block(state, blocks + 64);
    for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

static void accept_key(const uint8_t *key, char into[ACCEPT_KEY_SIZE]) {
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t digest[21] = {0}; /* 20 and one of padding: seven groups of three */
    accept_digest(key, digest);
    for (int i = 0; i < 7; i++) {
        uint32_t group = (uint32_t)digest[3 * i] << 16 | (uint32_t)digest[3 * i + 1] << 8 | digest[3 * i + 2];
        for (int k = 0; k < 4; k++) into[4 * i + k] = DIGITS[group >> (18 - 6 * k) & 63];
    }
    into[27] = '=';
    into[28] = 0;
}

#endif
