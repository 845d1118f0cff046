#include "drivers/certificate/x509.h"

#include <array>
#include <ctime>

#include <fmt/format.h>
#include <openssl/pem.h>

#include "base/check.h"
#include "model/words.h"

namespace moln::openssl {
namespace {

constexpr int k_rsa_bits_min = 2048;
constexpr int k_rsa_bits_max = 8192;  // a handshake with a larger one is a load of its own
constexpr std::size_t k_words_max = 128;

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

}  // namespace

std::string bytes_of(BIO& memory) {
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(&memory, &bytes);
    return {bytes, static_cast<std::size_t>(size)};
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
