#include "io/tls/server.h"

#include <algorithm>
#include <ctime>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "io/tls/settings.h"

namespace moln::tls {
namespace {

// As a client of whom a certificate is asked may send it with what leads to its authority.
constexpr long k_client_chain_bytes_max = 64L * 1024;
constexpr long k_session_life_s = 24 * 3600;  // as long as some ticket key can open its ticket

// Where a connection is marked as an authority's look.
int challenge_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

// What a connection shows; of its Sites, which live until the handshake is done.
int shown_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

void free_question(void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) {
    delete static_cast<std::shared_ptr<const ClientQuestion>*>(kept);
}

// Where a connection keeps what its client was asked.
int question_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_question);
    return index;
}

MonoTime now() {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return MonoTime{time.tv_sec * 1000 + time.tv_nsec / 1'000'000};
}

// An address is no name (RFC 6066 3), but sent by some clients.
std::string_view name_or_none(std::string_view name) {
    const bool address = name.find_first_not_of("0123456789.") == std::string_view::npos ||
                         name.find(':') != std::string_view::npos;
    return address ? std::string_view() : name;
}

// What asked_name() will be, while the ClientHello is first looked at: one name, of a host. OpenSSL
// refuses what is none of that.
std::string_view offered_name(SSL* ssl) {
    constexpr std::size_t k_list_head = 5;  // bytes of the list, kind, bytes of the name
    const unsigned char* bytes = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) != 1 ||
        size <= k_list_head) {
        return {};
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes), size);
    return name_or_none(text.substr(k_list_head));
}

// A host of whose clients a route wants a certificate. There is no shorter handshake with them: a
// ticket has no room for what leads from their certificate to an authority, and that is to be
// looked at each time. Nor does a ticket that another host gave out open here, which is without
// any.
bool ask_client(SSL* ssl) {
    const auto* sites = static_cast<const Sites*>(SSL_get_app_data(ssl));
    if (sites->questions().empty()) return true;
    const auto question = sites->questions().find(offered_name(ssl));
    if (!question) return true;
    static constexpr unsigned char k_context[] = "moln clients";
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    auto kept = std::make_unique<std::shared_ptr<const ClientQuestion>>(question);
    const bool good = ask(ssl, *question) && SSL_set_num_tickets(ssl, 0) == 1 &&
                      SSL_set_session_id_context(ssl, k_context, sizeof k_context - 1) == 1 &&
                      SSL_set_ex_data(ssl, question_index(), kept.get()) == 1;
    if (good) (void)kept.release();  // free_question() has it
    return good;
}

// Whether they are of a route's authorities is looked at when a request asks for that route: the
// client is to be told in words that it can show.
int take_any(X509_STORE_CTX* shown, void*) {
    X509_STORE_CTX_set_error(shown, X509_V_OK);
    return 1;
}

// RFC 8737, 3: the look of an authority offers this protocol and no other. Seen before everything
// else, since what it is shown is no certificate of ours.
int note_hello(SSL* ssl, int*, void*) {
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
    const bool good = looks ? SSL_set_ex_data(ssl, challenge_index(), ssl) == 1 : ask_client(ssl);
    return good ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

int choose_certificate(SSL* ssl, int* alert, void*) {
    const auto* sites = static_cast<const Sites*>(SSL_get_app_data(ssl));
    const auto name = asked_name(ssl);
    const Certificate* found = is_challenge(ssl) ? sites->find_challenge(name) : sites->find(name);
    const bool shown = found != nullptr && found->show(ssl) &&
                       SSL_set_ex_data(ssl, shown_index(), const_cast<Certificate*>(found)) == 1;
    if (shown) return SSL_TLSEXT_ERR_OK;
    *alert = found == nullptr ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_INTERNAL_ERROR;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// RFC 6066 8: of a client that asks for it.
int staple(SSL* ssl, void*) {
    const auto* shown = static_cast<const Certificate*>(SSL_get_ex_data(ssl, shown_index()));
    if (shown == nullptr) return SSL_TLSEXT_ERR_NOACK;
    const auto response = shown->staple({static_cast<std::int64_t>(::time(nullptr)) * 1000});
    if (response.empty()) return SSL_TLSEXT_ERR_NOACK;
    void* copy = OPENSSL_memdup(response.data(), response.size());
    if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response.size()));
    return SSL_TLSEXT_ERR_OK;
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
    return name_or_none(text == nullptr ? "" : text);
}

std::shared_ptr<const ClientQuestion> asked_question(const SSL* ssl) {
    const void* kept = SSL_get_ex_data(ssl, question_index());
    if (kept == nullptr) return nullptr;
    return *static_cast<const std::shared_ptr<const ClientQuestion>*>(kept);
}

Result<std::unique_ptr<Server>> Server::create() {
    ERR_clear_error();
    std::unique_ptr<Server> server(new Server);
    server->context_.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* context = server->context_.get();
    if (context == nullptr || !set_intermediate(context)) {
        return fail(openssl::error("TLS cannot be set up"));
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(context, k_session_life_s);
    SSL_CTX_set_num_tickets(context, 1);
    static constexpr unsigned char k_session_context[] = "moln";
    SSL_CTX_set_session_id_context(context, k_session_context, sizeof k_session_context - 1);
    SSL_CTX_set_app_data(context, server->tickets_.get());
    // What the macros for them do, with a cast that this house allows.
    SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                          reinterpret_cast<void (*)()>(choose_certificate));
    SSL_CTX_set_client_hello_cb(context, note_hello, nullptr);
    SSL_CTX_set_cert_verify_callback(context, take_any, nullptr);
    SSL_CTX_set_max_cert_list(context, k_client_chain_bytes_max);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB,
                          reinterpret_cast<void (*)()>(staple));
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
