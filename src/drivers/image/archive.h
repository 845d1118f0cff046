// Reads a tar archive (plain or compressed) entry by entry: the one wrapping of libarchive. It only
// reads; what may be written where is the caller's to decide.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/result.h"

struct archive;

namespace moln {

enum class EntryKind { file, folder, symlink, hard_link, other };

struct ArchiveEntry {
    std::string path;  // as it stands in the archive
    EntryKind kind = EntryKind::other;
    std::string target;  // of links
    mode_t mode = 0;     // permission bits, with setuid, setgid and sticky
    std::int64_t uid = 0;
    std::int64_t gid = 0;
    std::int64_t mtime = 0;  // seconds since 1970, never negative
    std::int64_t size = 0;   // of files
    std::string what;        // of `other`: "a device", "a socket", …
};

class Archive {
public:
    static Result<Archive> open(const std::string& path);
    Archive(Archive&&) noexcept;
    Archive& operator=(Archive&&) = delete;
    ~Archive();

    // The next entry; nothing at the end. ErrorCode::invalid if it is no whole tar archive.
    Result<std::optional<ArchiveEntry>> next();
    // The bytes of the entry that next() gave, in pieces; holes come as zeros.
    Status read(const std::function<Status(std::string_view)>& piece);

private:
    explicit Archive(archive* handle) : handle_(handle) {}
    std::unexpected<Error> broken() const;

    archive* handle_;
};

// "./a//b/" as "a/b"; "" for the top itself. ErrorCode::invalid, naming the path, for absolute
// paths (unless `absolute` allows: then they are taken from the top), "..", NUL, and paths longer
// than the kernel takes.
enum class AbsolutePaths { refuse, from_top };
Result<std::string> normal_path(std::string_view path, AbsolutePaths absolute);

// A path for messages: control bytes as "?", so that a newline in a name cannot forge lines.
std::string shown_path(std::string_view path);

}  // namespace moln
