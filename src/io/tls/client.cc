#include "io/tls/client.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "io/tls/settings.h"

namespace moln::tls {

Result<std::shared_ptr<const Client>> Client::create(std::string_view authorities) {
    ERR_clear_error();
    MOLN_ASSIGN(const auto certificates, openssl::read_certificates(authorities));
    if (certificates.empty()) {
        return fail(ErrorCode::invalid, "there is no certificate of an authority");
    }
    std::shared_ptr<Client> client(new Client);
    client->context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* context = client->context_.get();
    if (context == nullptr || !set_intermediate(context)) {
        return fail(openssl::error("TLS cannot be set up"));
    }
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    for (const auto& one : certificates) {
        // One that is there twice is no error.
        if (X509_STORE_add_cert(store, one.get()) != 1) {
            return fail(openssl::error("an authority cannot be taken"));
        }
    }
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    static constexpr unsigned char k_spoken[] = "\x08http/1.1";
    if (SSL_CTX_set_alpn_protos(context, k_spoken, sizeof k_spoken - 1) != 0) {
        return fail(openssl::error("TLS cannot be set up"));
    }
    return std::shared_ptr<const Client>(std::move(client));
}

openssl::Connection Client::connection(const std::string& host) const {
    openssl::Connection ssl(SSL_new(context_.get()));
    if (!ssl) return nullptr;
    // What the macro for it does, with a cast that this house allows.
    const long named = SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                const_cast<char*>(host.c_str()));
    const bool good = named == 1 && SSL_set1_host(ssl.get(), host.c_str()) == 1;
    if (!good) return nullptr;
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set_connect_state(ssl.get());
    return ssl;
}

}  // namespace moln::tls
