#include "base/password.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include <crypt.h>
#include <strings.h>

namespace moln {
namespace {

// crypt_data is too large for a stack; it has the password in it, so it is wiped.
struct Workspace {
    crypt_data data = {};
    Workspace() = default;
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    ~Workspace() { explicit_bzero(&data, sizeof data); }
};

// "": it could not be hashed so.
std::string hashed(const Secret& password, const char* setting) {
    const auto room = std::make_unique<Workspace>();
    const char* out = crypt_r(password.reveal().c_str(), setting, &room->data);
    // Failures begin with a star (crypt(3)).
    return out == nullptr || *out == '*' ? std::string() : std::string(out);
}

}  // namespace

Result<std::string> hash_password(const Secret& password) {
    if (password.empty() || password.reveal().size() > k_password_bytes_max ||
        password.reveal().find('\0') != std::string::npos) {
        return fail(ErrorCode::invalid, "password: expected 1 to 256 bytes without NUL");
    }
    const std::unique_ptr<char, decltype([](char* text) { std::free(text); })> setting(
        crypt_gensalt_ra(nullptr, 0, nullptr, 0));
    auto hash = setting ? hashed(password, setting.get()) : std::string();
    if (hash.empty()) return fail(error_from_errno(errno, "hash the password"));
    return hash;
}

bool password_matches(const Secret& password, const std::string& hash) {
    if (password.reveal().find('\0') != std::string::npos) return false;
    const std::string again = hashed(password, hash.c_str());
    if (again.empty() || again.size() != hash.size()) return false;
    unsigned differs = 0;
    for (std::size_t i = 0; i < hash.size(); ++i) {
        differs |= static_cast<unsigned char>(hash[i]) ^ static_cast<unsigned char>(again[i]);
    }
    return differs == 0;
}

}  // namespace moln
