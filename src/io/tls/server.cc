#include "io/tls/server.h"

#include <algorithm>
#include <ctime>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>

namespace moln::tls {
namespace {

constexpr const char* k_ciphers_12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* k_ciphers_13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* k_groups = "X25519:P-256:P-384";
constexpr long k_session_life_s = 24 * 3600;  // as long as some ticket key can open its ticket

// Where a connection is marked as an authority's look.
int challenge_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

MonoTime now() {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return MonoTime{time.tv_sec * 1000 + time.tv_nsec / 1'000'000};
}

// RFC 8737, 3: the look of an authority offers this protocol and no other. Seen before everything
// else, since what it is shown is no certificate of ours.
int note_offer(SSL* ssl, int*, void*) {
    static constexpr unsigned char k_list[] =
        "\x00\x0b\x0a"
        "acme-tls/1";
    constexpr std::size_t k_list_bytes = sizeof k_list - 1;
    const unsigned char* offered = nullptr;
    std::size_t bytes = 0;
    const bool looks =
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &offered,
                                  &bytes) == 1 &&
        bytes == k_list_bytes && std::equal(offered, offered + bytes, k_list);
    if (looks && SSL_set_ex_data(ssl, challenge_index(), ssl) != 1) return SSL_CLIENT_HELLO_ERROR;
    return SSL_CLIENT_HELLO_SUCCESS;
}

int choose_certificate(SSL* ssl, int* alert, void*) {
    const auto* sites = static_cast<const Sites*>(SSL_get_app_data(ssl));
    const auto name = asked_name(ssl);
    const Certificate* found = is_challenge(ssl) ? sites->find_challenge(name) : sites->find(name);
    if (found != nullptr && found->show(ssl)) return SSL_TLSEXT_ERR_OK;
    *alert = found == nullptr ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_INTERNAL_ERROR;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// RFC 7301 3.2: a client that offers only what is not spoken here is told so.
int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned offered_bytes, void*) {
    if (is_challenge(ssl)) {
        *chosen = reinterpret_cast<const unsigned char*>(k_acme_protocol.data());
        *size = k_acme_protocol.size();
        return SSL_TLSEXT_ERR_OK;
    }
    static constexpr unsigned char k_spoken[] = "\x02h2\x08http/1.1";
    unsigned char* match = nullptr;
    const int verdict =
        SSL_select_next_proto(&match, size, k_spoken, sizeof k_spoken - 1, offered, offered_bytes);
    if (verdict != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = match;
    return SSL_TLSEXT_ERR_OK;
}

bool prepare(const TicketKey& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
             EVP_MAC_CTX* mac, bool seal) {
    static char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(
            OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key.mac.data()), key.mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters) == 1 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv,
                             seal ? 1 : 0) == 1;
}

// 1: done; 2: done, and a new ticket is due; 0: this ticket is not ours, a full handshake follows.
int handle_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, int seal) {
    auto* keys = static_cast<TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    if (seal != 0) {
        const auto key = keys->current(now());
        if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return 0;
        std::ranges::copy(key->name, name);
        return prepare(*key, iv, cipher, mac, true) ? 1 : -1;
    }
    const auto found = keys->find(std::span<const unsigned char, 16>(name, 16), now());
    if (!found) return 0;
    if (!prepare(found->key, iv, cipher, mac, false)) return -1;
    return found->renew ? 2 : 1;
}

}  // namespace

bool is_challenge(const SSL* ssl) {
    return SSL_get_ex_data(ssl, challenge_index()) != nullptr;
}

std::string_view asked_name(const SSL* ssl) {
    const char* text = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const std::string_view name = text == nullptr ? "" : text;
    const bool address = name.find_first_not_of("0123456789.") == std::string_view::npos ||
                         name.find(':') != std::string_view::npos;
    return address ? std::string_view() : name;
}

Result<std::unique_ptr<Server>> Server::create() {
    ERR_clear_error();
    std::unique_ptr<Server> server(new Server);
    server->context_.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* context = server->context_.get();
    const bool good = context != nullptr &&
                      SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
                      SSL_CTX_set_cipher_list(context, k_ciphers_12) == 1 &&
                      SSL_CTX_set_ciphersuites(context, k_ciphers_13) == 1 &&
                      SSL_CTX_set1_groups_list(context, k_groups) == 1;
    if (!good) return fail(openssl::error("TLS cannot be set up"));
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(context, k_session_life_s);
    static constexpr unsigned char k_session_context[] = "moln";
    SSL_CTX_set_session_id_context(context, k_session_context, sizeof k_session_context - 1);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_app_data(context, server->tickets_.get());
    // What the macro for it does, with a cast that this house allows.
    SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                          reinterpret_cast<void (*)()>(choose_certificate));
    SSL_CTX_set_client_hello_cb(context, note_offer, nullptr);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, handle_ticket);
    return server;
}

openssl::Connection Server::connection(const Sites& sites) const {
    openssl::Connection ssl(SSL_new(context_.get()));
    if (!ssl) return nullptr;
    SSL_set_app_data(ssl.get(), const_cast<Sites*>(&sites));
    SSL_set_accept_state(ssl.get());
    return ssl;
}

}  // namespace moln::tls
