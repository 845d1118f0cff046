#include "io/api/token.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace moln::io {

Result<Secret> read_token(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return fail(error_from_errno(errno, fmt::format("API token file {}", path)));
    struct stat info = {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || (info.st_mode & 077) != 0) {
        ::close(fd);
        return fail(ErrorCode::invalid,
                    fmt::format("API token file {}: must be a file that only its owner can read; "
                                "run chmod 0600 on it",
                                path));
    }
    std::string text(k_api_token_length_max + 2, '\0');
    const auto got = ::read(fd, text.data(), text.size());
    const int saved = errno;
    ::close(fd);
    if (got < 0) return fail(error_from_errno(saved, fmt::format("API token file {}", path)));
    text.resize(static_cast<std::size_t>(got));
    text.resize(std::min(text.size(), text.find_first_of("\r\n")));
    if (text.size() < k_api_token_length_min || text.size() > k_api_token_length_max) {
        return fail(ErrorCode::invalid,
                    fmt::format("API token file {}: expected a token of {} to {} characters on "
                                "its first line",
                                path, k_api_token_length_min, k_api_token_length_max));
    }
    return Secret(std::move(text));
}

bool bearer_matches(std::string_view authorization, const Secret& token) {
    constexpr std::string_view k_scheme = "Bearer ";
    if (!authorization.starts_with(k_scheme)) return false;
    authorization.remove_prefix(k_scheme.size());
    const auto& expected = token.reveal();
    // Every byte of the expected token is looked at whatever was sent.
    unsigned difference = authorization.size() == expected.size() ? 0 : 1;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const char sent = i < authorization.size() ? authorization[i] : '\0';
        difference |= static_cast<unsigned char>(sent ^ expected[i]);
    }
    return difference == 0;
}

}  // namespace moln::io
