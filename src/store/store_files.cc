#include "store/store_files.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite_layout.h"
#include "store/sqlite_store.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

std::string copy_path(const std::string& path, int number) {
    return fmt::format("{}.copy-{}", path, number);
}

// Nanoseconds of the last change; none if there is no such file.
std::optional<std::int64_t> changed_at(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return std::nullopt;
    return std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

// Greater is newer. One of a time to come was made under a clock that was ahead, nobody knows when:
// it is older than all others, or it would be kept and offered for as long as the clock was ahead.
using Age = std::pair<bool, std::int64_t>;
std::optional<Age> age_of(const std::string& copy) {
    const auto at = changed_at(copy);
    if (!at) return std::nullopt;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return Age{*at <= std::chrono::nanoseconds(now).count(), *at};
}

fs::path directory_of(const std::string& path) {
    const auto parent = fs::path(path).parent_path();
    return parent.empty() ? fs::path(".") : parent;
}

Status make_directory(const fs::path& directory) {
    if (directory.empty() || fs::is_directory(directory)) return {};
    MOLN_TRY(make_directory(directory.parent_path()));
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail(error_from_errno(errno, "make directory " + directory.string()));
    }
    return {};
}

// Syncs a file or a directory by its path.
Status sync_path(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(error_from_errno(errno, "open " + path));
    const int code = ::fsync(fd);
    const int saved_errno = errno;
    ::close(fd);
    if (code != 0) return fail(error_from_errno(saved_errno, "sync " + path));
    return {};
}

Status create_empty(const std::string& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return fail(error_from_errno(errno, "create " + path));
    ::close(fd);
    return {};
}

Status verify_copy(const std::string& path) {
    MOLN_ASSIGN(auto db, sqlite::Database::open(path, sqlite::OpenMode::read_only));
    MOLN_TRY(sqlite::check_header(db));
    if (auto state = sqlite::verify(db); !state) return fail(std::move(state).error());
    return {};
}

Status fill_copy(sqlite::Database& db, const std::string& path) {
    MOLN_TRY(create_empty(path));  // for its mode; SQLite fills an empty file
    MOLN_ASSIGN(auto vacuum, db.prepare("VACUUM INTO ?1"));
    {
        sqlite::Query query(vacuum);
        MOLN_TRY(query.bind_text(1, path).finish());
    }
    MOLN_TRY(verify_copy(path));
    return sync_path(path);
}

}  // namespace

Status make_store_file(const std::string& path) {
    const auto directory = directory_of(path);
    MOLN_TRY(make_directory(directory));
    // An existing file is never opened here: closing any descriptor of it would drop the locks
    // that this process holds on it (POSIX record locks).
    if (changed_at(path)) return {};
    MOLN_TRY(create_empty(path));
    return sync_path(directory.string());
}

Status copy_database(sqlite::Database& db, const std::string& path) {
    const auto unfinished = path + ".unfinished";
    (void)::unlink(unfinished.c_str());
    auto status = fill_copy(db, unfinished);
    if (status && ::rename(unfinished.c_str(), path.c_str()) != 0) {
        status = fail(error_from_errno(errno, "rename " + unfinished));
    }
    if (!status) {
        (void)::unlink(unfinished.c_str());
        return status;
    }
    return sync_path(directory_of(path).string());
}

std::optional<std::string> newest_copy(const std::string& path) {
    std::optional<std::string> newest;
    std::optional<Age> newest_age;
    for (int number = 1; number <= k_store_copies; ++number) {
        const auto age = age_of(copy_path(path, number));
        if (age && (!newest_age || *age > *newest_age)) {
            newest = copy_path(path, number);
            newest_age = age;
        }
    }
    return newest;
}

std::string next_copy(const std::string& path) {
    std::string oldest = copy_path(path, 1);
    auto oldest_age = age_of(oldest);
    for (int number = 2; oldest_age && number <= k_store_copies; ++number) {
        const auto age = age_of(copy_path(path, number));
        if (!age || *age < *oldest_age) {
            oldest = copy_path(path, number);
            oldest_age = age;
        }
    }
    return oldest;
}

Error with_recovery(const std::string& path, const Error& error) {
    const auto copy = newest_copy(path);
    if (!copy) {
        return Error{error.code,
                     fmt::format("{}. Nothing was changed. There is no automatic copy yet: "
                                 "restore {} from a backup",
                                 error.reason, path)};
    }
    const auto at = static_cast<std::time_t>(changed_at(*copy).value_or(0) / 1'000'000'000);
    return Error{
        error.code,
        fmt::format("{}. Nothing was changed. The newest automatic copy is {} of "
                    "{:%Y-%m-%d %H:%M:%S} UTC; later changes are not in it. To go back to it, set "
                    "the damaged files aside and copy it: mkdir {}.damaged && mv {} {}-* "
                    "{}.damaged/ && cp {} {}",
                    error.reason, *copy, fmt::gmtime(at), path, path, path, path, *copy, path)};
}

}  // namespace moln
