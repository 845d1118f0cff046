#include "store/revision_mark.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "store/row_checksum.h"

namespace moln {
namespace {

// "revision <20 digits> <16 hex digits>\n": always the same length, so that a write replaces all.
std::string mark_text(std::int64_t revision) {
    return fmt::format("revision {:020} {:016x}\n", revision,
                       static_cast<std::uint64_t>(RowChecksum().add(revision).value()));
}

}  // namespace

Result<RevisionMark> RevisionMark::open(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail(error_from_errno(errno, "open " + path));
    return RevisionMark(fd);
}

RevisionMark::RevisionMark(RevisionMark&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

RevisionMark::~RevisionMark() {
    if (fd_ >= 0) ::close(fd_);
}

std::int64_t RevisionMark::read() const {
    std::array<char, 64> buffer{};
    const auto size = ::pread(fd_, buffer.data(), buffer.size(), 0);
    if (size <= 0) return 0;
    const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
    constexpr std::string_view k_word = "revision ";
    if (!text.starts_with(k_word)) return 0;
    std::int64_t revision = 0;
    const auto digits = text.substr(k_word.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), revision);
    return text == mark_text(revision) ? revision : 0;
}

void RevisionMark::write(std::int64_t revision) {
    const auto text = mark_text(revision);
    (void)!::pwrite(fd_, text.data(), text.size(), 0);
}

}  // namespace moln
