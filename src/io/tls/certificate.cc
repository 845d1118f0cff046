#include "io/tls/certificate.h"

#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace moln::tls {
namespace {

BioHandle reader_of(std::string_view text) {
    return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key that asks for a password has none here.
int no_password(char*, int, int, void*) {
    return -1;
}

}  // namespace

std::string take_reason() {
    std::string reason = "unknown reason";
    while (const auto code = ERR_get_error()) {
        char text[256];
        ERR_error_string_n(code, text, sizeof text);
        reason = text;
    }
    return reason;
}

Result<std::shared_ptr<const Certificate>> Certificate::parse(std::string_view chain,
                                                              const Secret& key) {
    ERR_clear_error();
    std::shared_ptr<Certificate> made(new Certificate);
    const auto certificates = reader_of(chain);
    made->others_.reset(sk_X509_new_null());
    for (int i = 0; i <= k_chain_certificates_max; ++i) {
        X509Handle one(PEM_read_bio_X509(certificates.get(), nullptr, no_password, nullptr));
        if (!one) break;
        if (i == k_chain_certificates_max) {
            return fail(ErrorCode::invalid, fmt::format("the chain has more than {} certificates",
                                                        k_chain_certificates_max));
        }
        if (!made->leaf_) {
            made->leaf_ = std::move(one);
        } else if (sk_X509_push(made->others_.get(), one.get()) > 0) {
            (void)one.release();
        }
    }
    if (!made->leaf_) return fail(ErrorCode::invalid, "no certificate in PEM: " + take_reason());
    ERR_clear_error();  // the loop ends with "no start line"
    const auto secret = reader_of(key.reveal());
    made->key_.reset(PEM_read_bio_PrivateKey(secret.get(), nullptr, no_password, nullptr));
    if (!made->key_) return fail(ErrorCode::invalid, "no private key in PEM: " + take_reason());
    if (X509_check_private_key(made->leaf_.get(), made->key_.get()) != 1) {
        ERR_clear_error();
        return fail(ErrorCode::invalid, "the private key is not the certificate's");
    }
    return std::shared_ptr<const Certificate>(std::move(made));
}

bool Certificate::show(SSL* ssl) const {
    return SSL_use_cert_and_key(ssl, leaf_.get(), key_.get(), others_.get(), 1) == 1;
}

}  // namespace moln::tls
