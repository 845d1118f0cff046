#include "io/tls/client.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "io/tls/settings.h"
#include "model/network.h"

namespace moln::tls {

openssl::Context client_context() {
    static constexpr unsigned char k_spoken[] = "\x08http/1.1";
    openssl::Context context(SSL_CTX_new(TLS_client_method()));
    if (!context || !set_intermediate(context.get())) return nullptr;
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    const int refused = SSL_CTX_set_alpn_protos(context.get(), k_spoken, sizeof k_spoken - 1);
    return refused == 0 ? std::move(context) : nullptr;
}

bool expect_server(SSL* ssl, const std::string& name) {
    if (parse_ip(name)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // What the macro for it does, with a cast that this house allows.
    const long asked = SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                const_cast<char*>(name.c_str()));
    return asked == 1 && SSL_set1_host(ssl, name.c_str()) == 1;
}

Result<std::shared_ptr<const Client>> Client::create(std::string_view authorities) {
    ERR_clear_error();
    MOLN_ASSIGN(const auto certificates, openssl::read_certificates(authorities));
    if (certificates.empty()) {
        return fail(ErrorCode::invalid, "there is no certificate of an authority");
    }
    std::shared_ptr<Client> client(new Client);
    client->context_ = client_context();
    SSL_CTX* context = client->context_.get();
    if (context == nullptr) return fail(openssl::error("TLS cannot be set up"));
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    for (const auto& one : certificates) {
        // One that is there twice is no error.
        if (X509_STORE_add_cert(store, one.get()) != 1) {
            return fail(openssl::error("an authority cannot be taken"));
        }
    }
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return std::shared_ptr<const Client>(std::move(client));
}

openssl::Connection Client::connection(const std::string& host) const {
    openssl::Connection ssl(SSL_new(context_.get()));
    if (!ssl || !expect_server(ssl.get(), host)) return nullptr;
    SSL_set_connect_state(ssl.get());
    return ssl;
}

}  // namespace moln::tls
