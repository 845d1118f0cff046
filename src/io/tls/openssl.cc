#include "io/tls/openssl.h"

#include <array>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/check.h"

namespace moln::openssl {
namespace {

// Never asks on the daemon's terminal.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

// The PEM blocks (RFC 7468) whose label ends so, each with its lines of BEGIN and END. One without
// an END goes to the end of the text, and does not parse.
std::vector<std::string_view> blocks(std::string_view pem, std::string_view label) {
    constexpr std::string_view k_begin = "-----BEGIN ";
    constexpr std::string_view k_end = "-----END ";
    constexpr std::string_view k_dashes = "-----";
    std::vector<std::string_view> found;
    for (auto at = pem.find(k_begin); at != std::string_view::npos;) {
        const auto name_begin = at + k_begin.size();
        const auto name_end = pem.find(k_dashes, name_begin);
        if (name_end == std::string_view::npos) break;
        const auto end = pem.find(k_end, name_end);
        const auto closed =
            end == std::string_view::npos ? end : pem.find(k_dashes, end + k_end.size());
        const auto after = closed == std::string_view::npos ? pem.size() : closed + k_dashes.size();
        if (pem.substr(name_begin, name_end - name_begin).ends_with(label)) {
            found.push_back(pem.substr(at, after - at));
        }
        at = pem.find(k_begin, after);
    }
    return found;
}

}  // namespace

Error error(std::string_view what) {
    std::array<char, 256> words{};
    ERR_error_string_n(ERR_get_error(), words.data(), words.size());
    ERR_clear_error();
    return {ErrorCode::internal, fmt::format("{}: {}", what, words.data())};
}

Bio reader(std::string_view text) {
    Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    CHECK(bio != nullptr);
    return bio;
}

Result<std::vector<X509Certificate>> read_certificates(std::string_view pem) {
    std::vector<X509Certificate> found;
    for (const auto block : blocks(pem, "CERTIFICATE")) {
        const auto bio = reader(block);
        X509Certificate one(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
        ERR_clear_error();
        if (one == nullptr) {
            return fail(
                ErrorCode::invalid,
                fmt::format("certificate {} does not parse: expected PEM, from \"-----BEGIN "
                            "CERTIFICATE-----\" to \"-----END CERTIFICATE-----\"",
                            found.size() + 1));
        }
        found.push_back(std::move(one));
    }
    return found;
}

Result<std::vector<X509Revocations>> read_revocations(std::string_view pem) {
    std::vector<X509Revocations> found;
    for (const auto block : blocks(pem, "X509 CRL")) {
        const auto bio = reader(block);
        X509Revocations one(PEM_read_bio_X509_CRL(bio.get(), nullptr, no_passphrase, nullptr));
        ERR_clear_error();
        if (one == nullptr) {
            return fail(ErrorCode::invalid,
                        fmt::format("list {} of revoked certificates does not parse: expected PEM, "
                                    "from \"-----BEGIN X509 CRL-----\" to \"-----END X509 "
                                    "CRL-----\"",
                                    found.size() + 1));
        }
        found.push_back(std::move(one));
    }
    return found;
}

Result<Key> read_key(std::string_view pem) {
    const auto keys = blocks(pem, "PRIVATE KEY");
    if (keys.empty()) {
        return fail(ErrorCode::invalid,
                    "there is no private key: expected the leaf's, as PEM (\"-----BEGIN PRIVATE "
                    "KEY-----\")");
    }
    if (keys.size() > 1) {
        return fail(ErrorCode::invalid, "there are several private keys: give only the leaf's");
    }
    const auto& block = keys.front();
    if (block.starts_with("-----BEGIN ENCRYPTED") ||
        block.find("Proc-Type: 4,ENCRYPTED") != std::string_view::npos) {
        return fail(ErrorCode::invalid,
                    "the private key is encrypted with a passphrase: give it without one, as "
                    "`openssl pkey -in KEY -out PLAIN` writes it; Moln seals it");
    }
    const auto bio = reader(block);
    Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
    ERR_clear_error();
    if (!key) {
        return fail(ErrorCode::invalid,
                    "the private key does not parse: expected PEM, PKCS #8 (\"BEGIN PRIVATE "
                    "KEY\"), \"BEGIN EC PRIVATE KEY\" or \"BEGIN RSA PRIVATE KEY\"");
    }
    return key;
}

}  // namespace moln::openssl
