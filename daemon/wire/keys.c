/* keys: CURVE key pairs and their text, Z85 as libzmq prints it.
 *
 * Guarantees: a parsed text is the one text of that key; secret text does not stay on the stack. Leaves to others:
 * files and their permissions. */
#include "wire_room.h"

static const char z85_alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

void wire_keypair(uint8_t public_key[KEY_BYTES], uint8_t secret_key[KEY_BYTES]) {
    char public_text[KEY_TEXT], secret_text[KEY_TEXT];
    LZ_ASSERT(zmq_curve_keypair(public_text, secret_text) == 0);
    LZ_ASSERT(zmq_z85_decode(public_key, public_text));
    LZ_ASSERT(zmq_z85_decode(secret_key, secret_text));
    explicit_bzero(secret_text, sizeof secret_text);
}

void wire_key_print(const uint8_t key[KEY_BYTES], char out[KEY_TEXT]) {
    LZ_ASSERT(zmq_z85_encode(out, key, KEY_BYTES));
}

bool wire_key_parse(const char *text, uint8_t key[KEY_BYTES]) {
    if (strlen(text) != KEY_TEXT - 1 || strspn(text, z85_alphabet) != KEY_TEXT - 1) return false;
    uint8_t bytes[KEY_BYTES];
    char again[KEY_TEXT];
    /* five characters can say more than 32 bits: only the text that we would print is the key's */
    bool good = zmq_z85_decode(bytes, text) && zmq_z85_encode(again, bytes, KEY_BYTES) && strcmp(again, text) == 0;
    if (good) memcpy(key, bytes, KEY_BYTES);
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(again, sizeof again);
    return good;
}

void wire_key_public(const uint8_t secret_key[KEY_BYTES], uint8_t public_key[KEY_BYTES]) {
    char public_text[KEY_TEXT], secret_text[KEY_TEXT];
    LZ_ASSERT(zmq_z85_encode(secret_text, secret_key, KEY_BYTES));
    LZ_ASSERT(zmq_curve_public(public_text, secret_text) == 0);
    LZ_ASSERT(zmq_z85_decode(public_key, public_text));
    explicit_bzero(secret_text, sizeof secret_text);
}
