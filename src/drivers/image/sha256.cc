#include "drivers/image/sha256.h"

#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/check.h"
#include "io/file/fd.h"

namespace moln {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() {
    EVP_MD_CTX_free(context_);
}

void Sha256::add(std::string_view bytes) {
    CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

void Sha256::add_text(std::string_view text) {
    add(fmt::format("{}:", text.size()));
    add(text);
}

std::string Sha256::hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned length = 0;
    CHECK(EVP_DigestFinal_ex(context_, bytes.data(), &length) == 1);
    std::string text;
    for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", bytes.at(i));
    return text;
}

std::string sha256_of(std::string_view bytes) {
    Sha256 hash;
    hash.add(bytes);
    return hash.hex();
}

Result<std::string> sha256_of_file(const std::string& path) {
    MOLN_ASSIGN(const Fd file, open_fd(path, O_RDONLY));
    Sha256 hash;
    std::vector<char> buffer(256 * 1024);
    for (;;) {
        const auto got = read(file.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(error_from_errno(errno, "read " + path));
        if (got == 0) return hash.hex();
        hash.add({buffer.data(), static_cast<std::size_t>(got)});
    }
}

}  // namespace moln
