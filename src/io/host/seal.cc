#include "io/host/seal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sodium.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/check.h"
#include "io/file/files.h"
#include "model/limits.h"

namespace moln {
namespace {

constexpr char k_version = 1;
constexpr std::size_t k_key_bytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t k_nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t k_tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t k_overhead_bytes = 1 + k_nonce_bytes + k_tag_bytes;
constexpr int k_base64 = sodium_base64_VARIANT_ORIGINAL;
// base64 makes four characters of three bytes.
constexpr std::size_t k_text_bytes_max = (k_secret_bytes_max + k_overhead_bytes + 2) / 3 * 4;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

Status make_key(const std::string& path) {
    std::string key(k_key_bytes, '\0');
    randombytes_buf(key.data(), key.size());
    auto status = write_file(path, key, 0600, Durability::durable);
    sodium_memzero(key.data(), key.size());
    return status;
}

Result<std::string> decode(std::string_view text) {
    const auto broken = [] { return fail(ErrorCode::corrupt, "a sealed secret is not whole"); };
    if (text.size() > k_text_bytes_max) return broken();
    std::string bytes(text.size() / 4 * 3 + 3, '\0');
    std::size_t size = 0;
    if (sodium_base642bin(bytes_of(bytes), bytes.size(), text.data(), text.size(), nullptr, &size,
                          nullptr, k_base64) != 0) {
        return broken();
    }
    bytes.resize(size);
    if (size < k_overhead_bytes) return broken();
    if (bytes.front() != k_version) {
        return fail(ErrorCode::corrupt,
                    fmt::format("a sealed secret has the unknown format {}",
                                static_cast<int>(static_cast<unsigned char>(bytes.front()))));
    }
    return bytes;
}

}  // namespace

void keep_out_of_core_files() {
    rlimit limit{};
    CHECK(::getrlimit(RLIMIT_CORE, &limit) == 0);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 1);
    CHECK(::setrlimit(RLIMIT_CORE, &limit) == 0);
}

Result<SealBox> SealBox::open(const std::string& key_path) {
    CHECK(sodium_init() >= 0);
    struct stat info{};
    if (::stat(key_path.c_str(), &info) != 0) {
        if (errno != ENOENT) return fail(error_from_errno(errno, "open " + key_path));
        MOLN_TRY(make_key(key_path));
    } else if ((info.st_mode & 077) != 0) {
        return fail(ErrorCode::denied,
                    fmt::format("the key file {} may be read by others: run chmod 600 {} and set "
                                "the secrets anew if somebody may have read it",
                                key_path, key_path));
    }
    auto bytes = read_file(key_path, k_key_bytes);
    if (!bytes && bytes.error().code != ErrorCode::refused) return fail(bytes.error());
    if (!bytes || bytes->size() != k_key_bytes) {
        return fail(ErrorCode::corrupt,
                    fmt::format("the key file {} does not hold {} bytes: restore it from a backup; "
                                "without it no secret can be read",
                                key_path, k_key_bytes));
    }
    return SealBox(Secret(std::move(*bytes)), key_path);
}

SealBox SealBox::for_purpose(std::string_view purpose) const {
    static_assert(k_key_bytes >= crypto_generichash_KEYBYTES_MIN);
    std::string key(k_key_bytes, '\0');
    crypto_generichash(bytes_of(key), key.size(), bytes_of(purpose), purpose.size(),
                       bytes_of(key_.reveal()), k_key_bytes);  // keyed BLAKE2b, RFC 7693
    return SealBox(Secret(std::move(key)), key_path_);
}

std::uint64_t SealBox::tag(std::string_view text) const {
    std::array<unsigned char, crypto_generichash_BYTES_MIN> hash{};
    crypto_generichash(hash.data(), hash.size(), bytes_of(text), text.size(),
                       bytes_of(key_.reveal()), k_key_bytes);
    std::uint64_t number = 0;
    std::memcpy(&number, hash.data(), sizeof number);
    return number;
}

std::string SealBox::seal(const Secret& secret, std::string_view context) const {
    const auto& plain = secret.reveal();
    CHECK(plain.size() <= k_secret_bytes_max);  // the caller has refused a longer one by name
    std::string bytes(k_overhead_bytes + plain.size(), '\0');
    bytes[0] = k_version;
    auto* nonce = bytes_of(bytes) + 1;
    randombytes_buf(nonce, k_nonce_bytes);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + k_nonce_bytes, nullptr, bytes_of(plain),
                                               plain.size(), bytes_of(context), context.size(),
                                               nullptr, nonce, bytes_of(key_.reveal()));
    std::string text(sodium_base64_ENCODED_LEN(bytes.size(), k_base64), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes_of(std::as_const(bytes)), bytes.size(),
                      k_base64);
    text.pop_back();  // sodium ends it with a NUL
    return text;
}

Result<Secret> SealBox::unseal(std::string_view text, std::string_view context) const {
    MOLN_ASSIGN(const std::string bytes, decode(text));
    const auto* nonce = bytes_of(bytes) + 1;
    std::string plain(bytes.size() - k_overhead_bytes, '\0');
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            bytes_of(plain), nullptr, nullptr, nonce + k_nonce_bytes,
            bytes.size() - 1 - k_nonce_bytes, bytes_of(context), context.size(), nonce,
            bytes_of(key_.reveal())) != 0) {
        return fail(ErrorCode::corrupt,
                    fmt::format("the secret of {} cannot be opened: it was altered, or {} is not "
                                "the key it was sealed with; set it anew",
                                context, key_path_));
    }
    return Secret(std::move(plain));
}

}  // namespace moln
