#include "drivers/image/archive.h"

#include <algorithm>
#include <climits>
#include <utility>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <locale.h>

namespace moln {
namespace {

constexpr std::size_t k_block_bytes = 128 * 1024;

// libarchive turns UTF-8 names of pax headers into the thread's locale; in the "C" locale every
// other alphabet would be lost.
class Utf8Locale {
public:
    Utf8Locale() : old_(uselocale(utf8())) {}
    ~Utf8Locale() { uselocale(old_); }
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;

private:
    static locale_t utf8() {
        static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
        return locale == nullptr ? LC_GLOBAL_LOCALE : locale;
    }
    locale_t old_;
};

std::string text(const char* value) {
    return value == nullptr ? "" : value;
}

void describe_kind(archive_entry* entry, ArchiveEntry& out) {
    if (const char* target = archive_entry_hardlink(entry)) {
        out.kind = EntryKind::hard_link;
        out.target = target;
        return;
    }
    switch (archive_entry_filetype(entry)) {
        case AE_IFREG: out.kind = EntryKind::file; return;
        case AE_IFDIR: out.kind = EntryKind::folder; return;
        case AE_IFLNK:
            out.kind = EntryKind::symlink;
            out.target = text(archive_entry_symlink(entry));
            return;
        case AE_IFCHR:
        case AE_IFBLK: out.what = "a device"; return;
        case AE_IFIFO: out.what = "a named pipe"; return;
        case AE_IFSOCK: out.what = "a socket"; return;
        default: out.what = "of an unknown kind"; return;
    }
}

}  // namespace

Result<Archive> Archive::open(const std::string& path) {
    const Utf8Locale locale;
    Archive out(archive_read_new());
    if (out.handle_ == nullptr) return fail(ErrorCode::internal, "no memory to read an archive");
    archive_read_support_filter_gzip(out.handle_);
    archive_read_support_filter_zstd(out.handle_);
    archive_read_support_filter_xz(out.handle_);
    archive_read_support_filter_bzip2(out.handle_);
    archive_read_support_format_tar(out.handle_);
    archive_read_support_format_empty(out.handle_);
    if (archive_read_open_filename(out.handle_, path.c_str(), k_block_bytes) != ARCHIVE_OK) {
        return out.broken();
    }
    return out;
}

Archive::Archive(Archive&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

Archive::~Archive() {
    if (handle_ != nullptr) archive_read_free(handle_);
}

std::unexpected<Error> Archive::broken() const {
    return fail(ErrorCode::invalid,
                fmt::format("not a whole tar archive: {}", text(archive_error_string(handle_))));
}

Result<std::optional<ArchiveEntry>> Archive::next() {
    const Utf8Locale locale;
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(handle_, &entry);
    if (code == ARCHIVE_EOF) return std::nullopt;
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return broken();
    const char* path = archive_entry_pathname(entry);
    if (path == nullptr) return broken();
    ArchiveEntry out;
    out.path = path;
    describe_kind(entry, out);
    out.mode = archive_entry_perm(entry);
    out.uid = archive_entry_uid(entry);
    out.gid = archive_entry_gid(entry);
    out.mtime = std::max<std::int64_t>(archive_entry_mtime(entry), 0);
    out.size = archive_entry_size(entry);
    return out;
}

Status Archive::read(const std::function<Status(std::string_view)>& piece) {
    std::vector<char> buffer(k_block_bytes);
    for (;;) {
        const auto got = archive_read_data(handle_, buffer.data(), buffer.size());
        if (got == 0) return {};
        if (got < 0) return broken();
        MOLN_TRY(piece({buffer.data(), static_cast<std::size_t>(got)}));
    }
}

Result<std::string> normal_path(std::string_view path, AbsolutePaths absolute) {
    if (path.starts_with('/') && absolute == AbsolutePaths::refuse) {
        return fail(ErrorCode::invalid,
                    fmt::format("{} is an absolute path, which an archive must not hold",
                                shown_path(path)));
    }
    if (path.size() >= PATH_MAX) {
        return fail(ErrorCode::invalid,
                    fmt::format("{}… is a path of {} bytes: at most {} are taken",
                                shown_path(path.substr(0, 60)), path.size(), PATH_MAX - 1));
    }
    std::string out;
    auto rest = path;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('/'), rest.size());
        const auto part = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (part.empty() || part == ".") continue;
        if (part == "..") {
            return fail(ErrorCode::invalid,
                        fmt::format("{} leads out of its folder (\"..\")", shown_path(path)));
        }
        if (part.size() > NAME_MAX) {
            return fail(ErrorCode::invalid,
                        fmt::format("{}… is a name of {} bytes: at most {} are taken",
                                    shown_path(part.substr(0, 60)), part.size(), NAME_MAX));
        }
        if (!out.empty()) out += '/';
        out += part;
    }
    return out;
}

std::string shown_path(std::string_view path) {
    std::string out(path);
    std::ranges::replace_if(
        out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return out;
}

}  // namespace moln
