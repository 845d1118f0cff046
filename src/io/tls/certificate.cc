#include "io/tls/certificate.h"

#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>

#include "base/check.h"
#include "io/tls/staple.h"
#include "model/limits.h"

namespace moln::tls {

Result<std::shared_ptr<const Certificate>> Certificate::parse(std::string_view chain,
                                                              const Secret& key,
                                                              std::string_view staple) {
    MOLN_ASSIGN(auto all, openssl::read_certificates(chain));
    if (all.empty()) return fail(ErrorCode::invalid, "there is no certificate in the chain");
    if (all.size() > k_certificate_chain_max) {
        return fail(ErrorCode::invalid, fmt::format("the chain has more than {} certificates",
                                                    k_certificate_chain_max));
    }
    std::shared_ptr<Certificate> made(new Certificate);
    MOLN_ASSIGN(made->key_, openssl::read_key(key.reveal()));
    made->leaf_ = std::move(all.front());
    if (X509_check_private_key(made->leaf_.get(), made->key_.get()) != 1) {
        ERR_clear_error();
        return fail(ErrorCode::invalid, "the private key is not the certificate's");
    }
    made->others_.reset(sk_X509_new_null());
    for (std::size_t i = 1; i < all.size(); ++i) {
        CHECK(sk_X509_push(made->others_.get(), all[i].get()) > 0);
        (void)all[i].release();
    }
    if (auto read = read_staple(staple)) {
        made->staple_ = std::move(read->der);
        made->staple_until_ = read->until;
    }
    return std::shared_ptr<const Certificate>(std::move(made));
}

std::string_view Certificate::staple(WallTime now) const {
    return now < staple_until_ ? std::string_view(staple_) : std::string_view();
}

bool Certificate::show(SSL* ssl) const {
    return SSL_use_cert_and_key(ssl, leaf_.get(), key_.get(), others_.get(), 1) == 1;
}

}  // namespace moln::tls
