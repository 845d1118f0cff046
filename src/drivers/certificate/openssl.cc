#include "drivers/certificate/openssl.h"

#include <array>
#include <ctime>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/check.h"
#include "model/words.h"

namespace moln::openssl {
namespace {

constexpr int k_rsa_bits_min = 2048;
constexpr int k_rsa_bits_max = 8192;  // a handshake with a larger one is a load of its own
constexpr std::size_t k_words_max = 128;

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

std::string name_entry(const X509_NAME* name, int kind) {
    const int place = X509_NAME_get_index_by_NID(name, kind, -1);
    if (place < 0) return "";
    unsigned char* bytes = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, place)));
    if (size < 0) return "";
    std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return text;
}

std::string bytes_of(BIO& memory) {
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(&memory, &bytes);
    return {bytes, static_cast<std::size_t>(size)};
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

std::string to_pem(X509& certificate) {
    const Bio bio(BIO_new(BIO_s_mem()));
    CHECK(bio != nullptr && PEM_write_bio_X509(bio.get(), &certificate) == 1);
    return bytes_of(*bio);
}

// The memory that it is written through is wiped when it is freed (BUF_MEM_free).
Secret to_pem(EVP_PKEY& key) {
    const Bio bio(BIO_new(BIO_s_mem()));
    CHECK(bio != nullptr && PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0,
                                                          nullptr, nullptr) == 1);
    return Secret(bytes_of(*bio));
}

std::string fingerprint(X509& certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    CHECK(X509_digest(&certificate, EVP_sha256(), digest.data(), &size) == 1);
    std::string text;
    for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest.at(i));
    return text;
}

WallTime time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {0};
    return {static_cast<std::int64_t>(::timegm(&parts)) * 1000};
}

std::string issuer_words(X509& certificate) {
    const auto* name = X509_get_issuer_name(&certificate);
    auto words = name_entry(name, NID_commonName);
    if (words.empty()) words = name_entry(name, NID_organizationName);
    if (words.size() > k_words_max) words.resize(k_words_max);
    return valid_utf8(words);
}

std::string key_words(EVP_PKEY& key) {
    const int bits = EVP_PKEY_get_bits(&key);
    if (EVP_PKEY_is_a(&key, "ED25519") == 1) return "Ed25519";
    if (EVP_PKEY_is_a(&key, "RSA") == 1) {
        return bits >= k_rsa_bits_min && bits <= k_rsa_bits_max ? fmt::format("RSA {}", bits) : "";
    }
    std::array<char, 64> group{};
    if (EVP_PKEY_is_a(&key, "EC") != 1 ||
        EVP_PKEY_get_group_name(&key, group.data(), group.size(), nullptr) != 1) {
        return "";
    }
    const std::string_view name = group.data();
    if (name == "prime256v1") return "EC P-256";
    return name == "secp384r1" ? "EC P-384" : "";
}

}  // namespace moln::openssl
